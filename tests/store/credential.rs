//! Changes of one user's credentials, which take the user and not the tenant.

use bailiwick::domain::key::TenantId;
use bailiwick::domain::name::Timestamp;
use bailiwick::policy::revision::Counters;
use bailiwick::store::session::{NewApiKey, NewSession};
use bailiwick::store::user::AccountChange;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

use super::harness::{Fresh, both_stores};
use super::state::event;
use super::world::{make, rich, user_key};

both_stores! {
    a_step_beside_the_row_counts_for_all_who_ask_and_once_the_row_counts_it_nothing_moves,
    a_change_of_the_tenant_counts_after_the_steps_that_wait_and_before_those_that_come,
    what_is_not_committed_ends_no_credential,
    a_users_sign_in_and_their_new_password_wait_for_each_other,
}

/// Ends whatever sessions `ann` has; gives the change.
async fn sign_out(fresh: &Fresh, tenant: TenantId) -> Uuid {
    let (tx, _) = fresh.store.begin_user(tenant, &user_key("ann")).await.unwrap().unwrap();
    tx.credentials().end_sessions(&user_key("ann"), None).await.unwrap();
    let change = Uuid::now_v7();
    tx.commit(&event(change, 5)).await.unwrap();
    change
}

async fn counters(fresh: &Fresh, tenant: TenantId) -> Counters {
    fresh.store.counters(&[tenant]).await.unwrap()[0].1
}

/// The counters of a tenant by every way in which they are read.
async fn all_counters(fresh: &Fresh, tenant: TenantId) -> Vec<Counters> {
    let store = &fresh.store;
    vec![
        store.load_policy(tenant).await.unwrap().unwrap().counters,
        store.counters_and_log(tenant, 0, 10).await.unwrap().unwrap().counters,
        store.view(tenant).await.unwrap().unwrap().counters(),
        store.scope(tenant).state().await.unwrap().unwrap().0,
        store.api_key_by_token(&[7; 32]).await.unwrap().unwrap().counters,
        store.begin(tenant).await.unwrap().unwrap().counters(),
    ]
}

async fn rows(fresh: &Fresh, sql: &str) -> String {
    let db = sea_orm::Database::connect(&fresh.url).await.unwrap();
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), sql.to_owned());
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

const WAITING: &str = "SELECT CAST(count(*) AS text) FROM credential_steps";
const EPOCH: &str = "SELECT CAST(credential_epoch AS text) FROM tenants WHERE key = 'acme'";

async fn acme_with_a_key(fresh: &Fresh) -> TenantId {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    let key = NewApiKey { token: [7; 32], prefix: "bw_x".to_owned(), created_at: Timestamp(1) };
    tx.credentials().put_api_key(&user_key("ben"), &key).await.unwrap();
    tx.bump(Uuid::now_v7(), false, true).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

async fn a_step_beside_the_row_counts_for_all_who_ask_and_once_the_row_counts_it_nothing_moves(fresh: Fresh) {
    let tenant = acme_with_a_key(&fresh).await;
    let before = counters(&fresh, tenant).await;
    let first = sign_out(&fresh, tenant).await;
    let one = counters(&fresh, tenant).await;
    assert_eq!((one.credential_epoch, one.same_policy(&before)), (before.credential_epoch + 1, true));
    assert!(fresh.store.change_committed(first).await.unwrap());
    sign_out(&fresh, tenant).await;
    let two = counters(&fresh, tenant).await;
    assert_eq!(two.credential_epoch, before.credential_epoch + 2);
    assert!(!one.same_credentials(&before) && !two.same_credentials(&one));
    assert_eq!(all_counters(&fresh, tenant).await, [two; 6]);
    assert_eq!((rows(&fresh, WAITING).await, rows(&fresh, EPOCH).await), ("2".to_owned(), "1".to_owned()));

    let events = fresh.store.scope(tenant).audit_chain(|_| ()).await.unwrap().unwrap().events;
    fresh.store.begin(tenant).await.unwrap().unwrap().commit().await.unwrap();
    assert_eq!((rows(&fresh, WAITING).await, rows(&fresh, EPOCH).await), ("0".to_owned(), "3".to_owned()));
    assert_eq!(all_counters(&fresh, tenant).await, [two; 6]);
    let chain = fresh.store.scope(tenant).audit_chain(|_| ()).await.unwrap().unwrap();
    assert_eq!((chain.events, chain.broken), (events + 2, None));
}

async fn a_change_of_the_tenant_counts_after_the_steps_that_wait_and_before_those_that_come(fresh: Fresh) {
    let tenant = acme_with_a_key(&fresh).await;
    let before = counters(&fresh, tenant).await;
    sign_out(&fresh, tenant).await;
    let waiting = counters(&fresh, tenant).await;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    assert_eq!(tx.taken_at(), waiting);
    let change = Uuid::now_v7();
    let moved = tx.bump(change, true, true).await.unwrap();
    assert_eq!((moved.revision, moved.credential_epoch), (before.revision + 1, before.credential_epoch + 2));
    assert_eq!(moved.credential_change, change);
    tx.commit().await.unwrap();
    assert_eq!(counters(&fresh, tenant).await, moved);
    sign_out(&fresh, tenant).await;
    let after = counters(&fresh, tenant).await;
    assert_eq!((after.credential_epoch, after.policy_change), (moved.credential_epoch + 1, change));
}

async fn what_is_not_committed_ends_no_credential(fresh: Fresh) {
    let tenant = acme_with_a_key(&fresh).await;
    let before = counters(&fresh, tenant).await;
    let ben = user_key("ben");
    let (tx, row) = fresh.store.begin_user(tenant, &ben).await.unwrap().unwrap();
    assert_eq!(row.user, ben);
    assert!(tx.credentials().remove_api_key(&ben).await.unwrap());
    drop(tx);
    assert!(fresh.store.begin_user(tenant, &user_key("nobody")).await.unwrap().is_none());
    assert_eq!(all_counters(&fresh, tenant).await, [before; 6]);
    assert_eq!(rows(&fresh, WAITING).await, "0");
}

async fn a_users_sign_in_and_their_new_password_wait_for_each_other(fresh: Fresh) {
    let tenant = acme_with_a_key(&fresh).await;
    let ann = user_key("ann");
    let (tx, before) = fresh.store.begin_user(tenant, &ann).await.unwrap().unwrap();
    let change = AccountChange { password_hash: Some("another".to_owned()), ..AccountChange::default() };
    tx.credentials().update_account(&ann, &change).await.unwrap();
    let sign_in = tokio::spawn({
        let (store, ann) = (fresh.store.clone(), ann.clone());
        async move {
            let (sign_in, row) = store.begin_sign_in(tenant, &ann).await.unwrap().unwrap();
            let new = NewSession {
                id: Uuid::now_v7(),
                user: ann,
                token: [9; 32],
                created_at: Timestamp(1),
                expires_at: Timestamp(2),
            };
            sign_in.commit(&new, &event(Uuid::now_v7(), 1)).await.unwrap();
            row.password_hash
        }
    });
    tokio::task::yield_now().await;
    tx.commit(&event(Uuid::now_v7(), 1)).await.unwrap();
    assert_ne!(before.password_hash.as_deref(), Some("another"));
    assert_eq!(sign_in.await.unwrap().as_deref(), Some("another"), "it sees the password of after");
}
