//! Users who change their own credentials while another transaction holds the tenant's row: the change is made at
//! once, and old credentials end at every instance.

use crate::common::app::{Database, both_databases};
use bailiwick::store::audit::AuditEvent;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::proxy::{Proxy, Wire};
use super::*;
use crate::common::mail::token_in;
use crate::common::not_hung;
use crate::common::tables::Tables;

const ANOTHER: &str = "Another-34";

async fn is_in(client: &Client) -> bool {
    client.ask("{ viewer { user { key } } }", json!({})).await["errors"].is_null()
}

/// Checks that a credential that held ends at both instances.
async fn ends(credential: &Client, instances: [&Instance; 2]) {
    for instance in instances {
        let there = credential.at(instance);
        eventually("it ends", async || !is_in(&there).await).await;
    }
}

/// Checks that a credential holds at both instances, which remember it from then on.
async fn holds(credential: &Client, instances: [&Instance; 2]) {
    for instance in instances {
        assert!(is_in(&credential.at(instance)).await);
    }
}

async fn key_of(client: &Client) -> Client {
    let made = client.make("ApiKeyGenerate", json!({})).await;
    client.with_token(made["token"].as_str().unwrap())
}

#[tokio::test]
async fn r28_r29_r30_while_somebody_holds_the_tenant_users_end_their_credentials_at_once_everywhere() {
    let (redis, database) = (RedisServer::start(), Database::postgres().await);
    let choices = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let one = Instance::start(&database, choices()).await;
    let alice = acme(&one).await;
    let other = Instance::start(&database, choices()).await;
    let both = [&one, &other];
    let uma = one.stranger().signed_in("acme", "uma", PASSWORD).await;
    let [second, third] = [(); 2].map(|()| one.stranger());
    let second = second.signed_in("acme", "uma", PASSWORD).await;
    let third = third.signed_in("acme", "uma", PASSWORD).await;
    let key = key_of(&uma).await;
    for credential in [&uma, &second, &third, &key] {
        holds(credential, both).await;
    }
    let before = counters(&one).await;
    let tables = Tables::of(&database).await;
    let epoch = "SELECT credential_epoch::text FROM tenants WHERE key = 'acme'";
    let stored = tables.texts(epoch).await;

    let holder = sea_orm::Database::connect(&database.url).await.unwrap();
    let held = holder.begin().await.unwrap();
    held.execute_unprepared("UPDATE tenants SET revision = revision WHERE key = 'acme'").await.unwrap();
    let asked = std::time::Instant::now();
    third.make("SignOut", json!({})).await;
    ends(&third, both).await;
    holds(&second, both).await;

    let renewed = key_of(&uma).await;
    ends(&key, both).await;
    holds(&renewed, both).await;
    uma.make("ApiKeyRemove", json!({})).await;
    ends(&renewed, both).await;

    let last = key_of(&uma).await;
    holds(&last, both).await;
    uma.make("PasswordChange", json!({ "old": PASSWORD, "new": ANOTHER })).await;
    ends(&second, both).await;
    ends(&last, both).await;
    holds(&uma, both).await;

    let input = json!({ "tenant": "acme", "email": "uma@example.com" });
    one.stranger().make("PasswordResetRequest", input).await;
    let mails = one.mails().await;
    let token = token_in(mails.last().unwrap());
    one.stranger().make("PasswordReset", json!({ "token": token, "password": PASSWORD })).await;
    ends(&uma, both).await;
    let again = other.stranger().signed_in("acme", "uma", PASSWORD).await;
    holds(&again, both).await;
    not_hung(asked);
    let here = counters(&one).await;
    assert_eq!(here.credential_epoch, before.credential_epoch + 6);
    assert_eq!(tables.texts(epoch).await, stored, "its holder has it still");
    held.rollback().await.unwrap();

    // The next change of the tenant counts what waits, and nothing moves by that but what it does itself.
    set_voice(&alice, true).await;
    assert_eq!(tables.texts("SELECT count(*)::text FROM credential_steps").await, ["0"]);
    assert_eq!(tables.texts(epoch).await, [here.credential_epoch.to_string()]);
    for instance in both {
        eventually("all are there", async || counters(instance).await.same_credentials(&here)).await;
        assert_eq!(instance.policies.held().replaced(), 0, "no history was lost");
    }
    let acme = one.policies.get_by_key(&"acme".to_owned().try_into().unwrap()).await.unwrap().unwrap().id;
    assert_eq!(one.store.scope(acme).audit_chain(|_| ()).await.unwrap().unwrap().broken, None);
    for (action, times) in [
        ("session.end", 1),
        ("apiKey.generate", 3),
        ("apiKey.remove", 1),
        ("password.change", 1),
        ("password.reset", 1),
    ] {
        assert_eq!(one.audited("acme", action).await.len(), times, "{action}");
    }
}

both_databases!(events_that_wait_get_their_places_from_the_next_change_or_with_what_has_run_out);
async fn events_that_wait_get_their_places_from_the_next_change_or_with_what_has_run_out(database: Database) {
    let one = Instance::start(&database, Choices::default()).await;
    let alice = acme(&one).await;
    let tables = Tables::of(&database).await;
    let waiting = "SELECT CAST(count(*) AS text) FROM audit_events WHERE place < 0";
    let unplace = "UPDATE tenants SET revision = revision WHERE key = 'acme'";
    for by_change in [true, false] {
        let tenant = one.policies.get_by_key(&"acme".to_owned().try_into().unwrap()).await.unwrap().unwrap().id;
        let event = one.audited("acme", "session.create").await.remove(0);
        let event = AuditEvent { id: uuid::Uuid::now_v7(), change_id: uuid::Uuid::now_v7(), ..event };
        one.store.note(tenant, &[event]).await.unwrap();
        tables.run(unplace).await;
        assert_eq!(tables.texts(waiting).await, ["1"]);
        if by_change {
            set_voice(&alice, true).await;
        } else {
            one.platform.delete_expired().await.unwrap();
        }
        assert_eq!(tables.texts(waiting).await, ["0"]);
        let chain = one.store.scope(tenant).audit_chain(|_| ()).await.unwrap().unwrap();
        assert_eq!(chain.broken, None);
    }
}

#[tokio::test]
async fn r30_a_key_that_is_removed_ends_although_the_database_goes_away_with_the_commit() {
    let database = Database::postgres().await;
    let (wire, wired) = Proxy::before(&database).await;
    let one = Instance::start(&wired, Choices::default()).await;
    acme(&one).await;
    let uma = one.stranger().signed_in("acme", "uma", PASSWORD).await;
    let key = key_of(&uma).await;
    // Decided from memory.
    let may_ask = async |client: &Client| {
        let asked = "{ viewer { can(action: \"read\", object: \"voice/queues\") } }";
        client.ask(asked, json!({})).await["errors"].is_null()
    };
    assert!(may_ask(&key).await);
    wire.set(Wire::Cut);
    assert!(may_ask(&key).await, "what is remembered holds while the database is away");
    wire.set(Wire::Open);
    eventually("the database is back", async || is_in(&uma).await).await;

    assert!(may_ask(&key).await);
    wire.set(Wire::EndsWithCommit);
    let removed = uma.ask("mutation { apiKeyRemove(input: {}) { userErrors { code } } }", json!({})).await;
    assert_eq!(removed["data"]["apiKeyRemove"]["userErrors"], json!([]), "{removed}");
    assert!(!may_ask(&key).await);
    wire.set(Wire::Open);
    eventually("the database is back", async || is_in(&uma).await).await;
    assert!(!may_ask(&key).await);
}
