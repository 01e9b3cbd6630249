//! R29: the link by mail that sets a new password, and all that must not come of it.

use bailiwick::service::access::password::{LINKS_FOR_ACCOUNT, LINKS_FOR_ACCOUNT_OF_CLIENT, LINKS_OF_CLIENT};
use serde_json::{Value, json};

use super::{ANOTHER, events, holds_no_secret, is_in, signs_in};
use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, both, both_databases, eventually};
use crate::common::mail::{MailServer, token_in};
use crate::common::operations::refusal;

const EXPIRED: (&str, &str) = ("LINK_EXPIRED", "token");

/// Asks for a link, which is always answered alike.
async fn ask(instance: &Instance, tenant: &str, email: &str) {
    ask_as(&instance.stranger(), tenant, email).await;
}

async fn ask_as(stranger: &Client, tenant: &str, email: &str) {
    let input = json!({ "tenant": tenant, "email": email });
    let answer = stranger.answer("PasswordResetRequest", json!({ "input": input })).await;
    let always = json!({ "data": { "passwordResetRequest": { "accepted": true, "userErrors": [] } } });
    assert_eq!(answer, always, "{tenant} {email}");
}

/// Asks for a link for this user of `acme`, who has none that holds, and returns its token.
async fn link_for(instance: &Instance, username: &str) -> String {
    instance.pass_seconds(60);
    let before = instance.mails().await.len();
    // Each from elsewhere: a client has its share of the day's mails.
    let stranger = instance.stranger().at_address(&format!("192.0.2.{before}"));
    ask_as(&stranger, "acme", &format!("{username}@example.com")).await;
    let mails = instance.mails().await;
    assert_eq!(mails.len(), before + 1);
    token_in(mails.last().unwrap())
}

async fn is_expired(instance: &Instance, token: &str) -> bool {
    let input = json!({ "token": token, "password": ANOTHER });
    instance.stranger().refuse("PasswordReset", input).await == refusal(EXPIRED.0, EXPIRED.1)
}

async fn use_link(instance: &Instance, token: &str) -> Value {
    instance.stranger().make("PasswordReset", json!({ "token": token, "password": ANOTHER })).await
}

async fn acme_with_dana(instance: &Instance) -> (Client, Client) {
    let alice = instance.tenant("acme").await;
    let dana = alice.new_user("acme", "Dana", "USER", json!({ "profile": "default" })).await;
    (alice, dana)
}

both!(r29_a_link_by_mail_sets_a_new_password_once_and_ends_all_sessions);
async fn r29_a_link_by_mail_sets_a_new_password_once_and_ends_all_sessions(instance: Instance) {
    let (alice, dana) = acme_with_dana(&instance).await;
    ask(&instance, "acme", "DANA@example.com").await;
    let mails = instance.mails().await;
    assert_eq!(mails.len(), 1);
    for words in ["From: Bailiwick <bailiwick@localhost>\r\n", "To: Dana@example.com\r\n", "127.0.0.1", "works once"] {
        assert!(mails[0].contains(words), "{words:?} is not in {}", mails[0]);
    }
    let token = token_in(&mails[0]);
    assert!(is_in(&dana).await && signs_in(&instance, "dana", PASSWORD).await, "a link alone changes nothing");

    for weak in ["weak", "without1special", "Without1special"] {
        let input = json!({ "token": token, "password": weak });
        let refused = instance.stranger().refuse("PasswordReset", input).await;
        assert_eq!(refused, refusal("WEAK_PASSWORD", "password"), "{weak}");
    }
    let set = use_link(&instance, &token).await;
    assert_eq!((&set["tenant"], &set["username"]), (&json!("acme"), &json!("dana")));
    assert!(!is_in(&dana).await && is_in(&alice).await);
    assert!(signs_in(&instance, "dana", ANOTHER).await && !signs_in(&instance, "dana", PASSWORD).await);
    assert!(alice.get("User", json!({ "key": "dana" })).await["lastPasswordResetAt"].is_string());
    assert!(is_expired(&instance, &token).await);
    let found = events(&instance, "password.reset").await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].actor.key.as_str(), found[0].target.as_str()), ("dana", "user:dana"));
    assert!(found[0].address.is_some() && !format!("{:?}", found[0]).contains(&token));
    holds_no_secret(&found[0]);
}

both!(r29_a_link_ends_the_api_key_of_its_user_too);
async fn r29_a_link_ends_the_api_key_of_its_user_too(instance: Instance) {
    let (alice, dana) = acme_with_dana(&instance).await;
    let key_of = async |client: &Client| {
        let key = client.make("ApiKeyGenerate", json!({})).await;
        client.with_token(key["token"].as_str().unwrap())
    };
    let (lost, kept) = (key_of(&dana).await, key_of(&alice).await);
    let token = link_for(&instance, "dana").await;
    assert!(is_in(&lost).await, "a link alone changes nothing");
    use_link(&instance, &token).await;
    assert!(!is_in(&lost).await && is_in(&kept).await);
    assert_eq!(alice.get("User", json!({ "key": "dana" })).await["apiKey"], Value::Null);
    let told = events(&instance, "password.reset").await.remove(0).after.unwrap();
    assert_eq!(told, json!({ "accounts": { "dana": { "password": "set", "apiKey": "ended" } } }));
}

both!(r29_a_link_holds_for_an_hour);
async fn r29_a_link_holds_for_an_hour(instance: Instance) {
    acme_with_dana(&instance).await;
    let token = link_for(&instance, "dana").await;
    instance.pass_seconds(3590);
    let weak = json!({ "token": token, "password": "weak" });
    assert_eq!(instance.stranger().refuse("PasswordReset", weak).await.0, "WEAK_PASSWORD");
    instance.pass_seconds(10);
    assert!(is_expired(&instance, &token).await);
    assert!(signs_in(&instance, "dana", PASSWORD).await);
}

both!(r29_what_is_no_link_is_an_expired_one_and_opens_nothing_else);
async fn r29_what_is_no_link_is_an_expired_one_and_opens_nothing_else(instance: Instance) {
    let (alice, dana) = acme_with_dana(&instance).await;
    let unknown = format!("bwr_{}", "A".repeat(43));
    for token in ["", "nonsense", "bwr_", &unknown, dana.token.as_deref().unwrap(), alice.token.as_deref().unwrap()] {
        assert!(is_expired(&instance, token).await, "{token}");
    }
    let token = link_for(&instance, "dana").await;
    assert_eq!(instance.stranger().with_token(&token).fail("Viewer", json!({})).await, "UNAUTHENTICATED");
    use_link(&instance, &token).await;
}

both!(r29_the_answer_is_the_same_whatever_exists_and_mail_goes_to_whom_it_may);
async fn r29_the_answer_is_the_same_whatever_exists_and_mail_goes_to_whom_it_may(instance: Instance) {
    let (alice, _) = acme_with_dana(&instance).await;
    instance.tenant("globex").await;
    alice.add_user("off", "AGENT", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
    alice.add_user("desk", "SERVICE", json!({})).await;
    for (tenant, email) in [
        ("acme", "off@example.com"),
        ("acme", "desk@example.com"),
        ("acme", "nobody@example.com"),
        ("globex", "dana@example.com"),
        ("nothing", "dana@example.com"),
        ("platform", "operator@example.com"),
    ] {
        ask(&instance, tenant, email).await;
        assert_eq!(instance.mails().await.len(), 0, "{tenant} {email}");
    }
    ask(&instance, "acme", "dana@example.com").await;
    assert_eq!(instance.mails().await.len(), 1);
    for (tenant, email, field) in
        [("No Key", "dana@example.com", "tenant"), ("acme", "dana", "email"), ("acme", "", "email")]
    {
        let input = json!({ "tenant": tenant, "email": email });
        let refused = instance.stranger().refuse("PasswordResetRequest", input).await;
        assert_eq!(refused, refusal("INVALID", field));
    }
}

both!(r29_a_link_holds_however_often_a_stranger_asks_for_another);
async fn r29_a_link_holds_however_often_a_stranger_asks_for_another(instance: Instance) {
    acme_with_dana(&instance).await;
    let first = link_for(&instance, "dana").await;
    for _ in 0..59 {
        instance.pass_seconds(60);
        ask(&instance, "acme", "dana@example.com").await;
        assert_eq!(instance.mails().await.len(), 1);
    }
    ask(&instance, "acme", "alice@example.com").await;
    assert_eq!(instance.mails().await.len(), 2, "others get theirs");
    use_link(&instance, &first).await;
    let second = link_for(&instance, "dana").await;
    instance.pass_seconds(3600);
    let third = link_for(&instance, "dana").await;
    assert!(is_expired(&instance, &second).await);
    use_link(&instance, &third).await;
}

#[tokio::test]
async fn r29_mails_to_an_account_and_for_a_client_have_a_bound_a_day() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let (alice, _) = acme_with_dana(&instance).await;
    let ask_from = async |address: String, email: String| {
        ask_as(&instance.stranger().at_address(&address), "acme", &email).await;
        let mails = instance.mails().await.len();
        instance.pass_seconds(3600);
        mails
    };
    for n in 1..=LINKS_OF_CLIENT + 2 {
        alice.add_user(&format!("user{n}"), "AGENT", json!({})).await;
    }
    for n in 1..=LINKS_FOR_ACCOUNT_OF_CLIENT + 2 {
        let mails = ask_from("203.0.113.1".to_owned(), "dana@example.com".to_owned()).await;
        assert_eq!(mails, n.min(LINKS_FOR_ACCOUNT_OF_CLIENT) as usize);
    }
    // A stranger has not used up what there is for the account.
    for n in LINKS_FOR_ACCOUNT_OF_CLIENT + 1..=LINKS_FOR_ACCOUNT + 2 {
        let mails = ask_from(format!("192.0.2.{n}"), "dana@example.com".to_owned()).await;
        // One more each hour of what limits go by, and no time that is set shortens that.
        assert_eq!(mails, n.min(LINKS_FOR_ACCOUNT + 1) as usize);
    }
    for n in 1..=LINKS_OF_CLIENT + 2 {
        let mails = ask_from("198.51.100.1".to_owned(), format!("user{n}@example.com")).await;
        assert_eq!(mails, (LINKS_FOR_ACCOUNT + 1 + n.min(LINKS_OF_CLIENT)) as usize);
    }
    instance.platform.tell_failures().await;
    let told = instance.audited("acme", "password.refuseLink").await;
    assert_eq!(told[0].after.as_ref().unwrap()["count"], 5);
}

#[tokio::test]
async fn r29_two_clients_use_up_nobodys_day_of_links() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    acme_with_dana(&instance).await;
    let ask_from = async |address: &str| {
        ask_as(&instance.stranger().at_address(address), "acme", "dana@example.com").await;
        let mails = instance.mails().await.len();
        instance.pass_seconds(3600);
        mails
    };
    let each = LINKS_FOR_ACCOUNT_OF_CLIENT as usize;
    for n in 1..=each {
        assert_eq!(ask_from(&format!("2001:db8:1:{n}::1")).await, n);
    }
    assert_eq!(ask_from("2001:db8:1:99::1").await, each, "all networks of a site are one client");
    for n in each + 1..=2 * each {
        assert_eq!(ask_from("203.0.113.1").await, n);
    }
    for spent in ["203.0.113.1", "2001:db8:1:100::1"] {
        assert_eq!(ask_from(spent).await, 2 * each, "{spent} has asked before");
    }
    assert_eq!(ask_from("192.0.2.1").await, 2 * each + 1, "who has not gets a link");
    assert_eq!(ask_from("192.0.2.2").await, 2 * each + 1, "one in an hour");
    assert_eq!(LINKS_FOR_ACCOUNT as usize, 2 * each);
}

both!(r29_many_requests_at_once_make_one_mail);
async fn r29_many_requests_at_once_make_one_mail(instance: Instance) {
    acme_with_dana(&instance).await;
    futures_util::future::join_all((0..8).map(|_| ask(&instance, "acme", "dana@example.com"))).await;
    assert_eq!(instance.mails().await.len(), 1);
}

both!(r29_whatever_ends_trust_in_a_link_voids_it_for_good);
async fn r29_whatever_ends_trust_in_a_link_voids_it_for_good(instance: Instance) {
    let (alice, _) = acme_with_dana(&instance).await;
    let update = async |change: Value| {
        let mut input = change;
        input["key"] = json!("dana");
        input["version"] = alice.get("User", json!({ "key": "dana" })).await["version"].clone();
        alice.make("UserUpdate", input).await;
    };
    let token = link_for(&instance, "dana").await;
    update(json!({ "enabled": false })).await;
    assert!(is_expired(&instance, &token).await);
    update(json!({ "enabled": true })).await;
    assert!(is_expired(&instance, &token).await, "not even when the user is back");

    let token = link_for(&instance, "dana").await;
    update(json!({ "email": "new@example.com" })).await;
    assert!(is_expired(&instance, &token).await, "the old mailbox may be another's by now");
    update(json!({ "email": "dana@example.com", "fullName": "Dana" })).await;

    let token = link_for(&instance, "dana").await;
    update(json!({ "baseRole": "SERVICE" })).await;
    assert!(is_expired(&instance, &token).await);
    update(json!({ "baseRole": "AGENT" })).await;

    let token = link_for(&instance, "dana").await;
    alice.make("UserSetPassword", json!({ "key": "dana", "password": PASSWORD })).await;
    assert!(is_expired(&instance, &token).await);

    let token = link_for(&instance, "dana").await;
    let dana = instance.stranger().signed_in("acme", "dana", PASSWORD).await;
    dana.make("PasswordChange", json!({ "old": PASSWORD, "new": "Third-1234" })).await;
    assert!(is_expired(&instance, &token).await);

    let token = link_for(&instance, "dana").await;
    alice.make("UserDelete", json!({ "key": "dana" })).await;
    assert!(is_expired(&instance, &token).await);
    alice.add_user("dana", "AGENT", json!({})).await;
    assert!(is_expired(&instance, &token).await);
    assert!(signs_in(&instance, "dana", PASSWORD).await);
}

both!(r29_of_many_who_use_a_link_at_the_same_time_one_does);
async fn r29_of_many_who_use_a_link_at_the_same_time_one_does(instance: Instance) {
    acme_with_dana(&instance).await;
    let token = link_for(&instance, "dana").await;
    let uses = (0..6).map(|n| {
        let (stranger, token) = (instance.stranger(), token.clone());
        async move {
            let input = json!({ "token": token, "password": format!("Number-{n}-of-six") });
            stranger.get("PasswordReset", json!({ "input": input })).await["userErrors"][0]["code"].clone()
        }
    });
    let outcomes = futures_util::future::join_all(uses).await;
    let (done, late): (Vec<_>, Vec<_>) = outcomes.iter().enumerate().partition(|(_, code)| code.is_null());
    assert!(done.len() == 1 && late.iter().all(|(_, code)| **code == "LINK_EXPIRED"), "{outcomes:?}");
    assert!(signs_in(&instance, "dana", &format!("Number-{}-of-six", done[0].0)).await);
}

both_databases!(r29_the_mail_goes_through_an_smtp_server_that_the_answer_does_not_wait_for);
async fn r29_the_mail_goes_through_an_smtp_server_that_the_answer_does_not_wait_for(database: Database) {
    let server = MailServer::start_held().await;
    let choices = Choices { mailer: Some(server.mailer()), ..Choices::default() };
    let instance = Instance::start(&database, choices).await;
    acme_with_dana(&instance).await;
    // Nobody will speak to the instance before these have been answered.
    ask(&instance, "acme", "dana@example.com").await;
    ask(&instance, "acme", "nobody@example.com").await;
    assert_eq!(server.mails().len(), 0);
    server.release();
    instance.settled().await;
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].starts_with("RCPT TO:<Dana@example.com>"), "{}", mails[0]);
    use_link(&instance, &token_in(&mails[0])).await;
}

both_databases!(r29_a_mail_that_cannot_be_sent_is_never_told_and_the_next_one_is_sent);
async fn r29_a_mail_that_cannot_be_sent_is_never_told_and_the_next_one_is_sent(database: Database) {
    let server = MailServer::start_without("Dana@example.com").await;
    let choices = Choices { mailer: Some(server.mailer()), ..Choices::default() };
    let instance = Instance::start(&database, choices).await;
    let before = server.mails().len();
    acme_with_dana(&instance).await;
    ask(&instance, "acme", "dana@example.com").await;
    instance.settled().await;
    assert_eq!(server.mails().len(), before);
    ask(&instance, "acme", "alice@example.com").await;
    instance.settled().await;
    assert_eq!(server.mails().len(), before + 1);
    // A link that nobody has does not stand in the way of the next.
    let dana = instance.stranger().signed_in("acme", "alice", PASSWORD).await;
    let version = dana.get("User", json!({ "key": "dana" })).await["version"].clone();
    dana.make("UserUpdate", json!({ "key": "dana", "version": version, "email": "reed@example.com" })).await;
    instance.pass_seconds(60);
    ask(&instance, "acme", "reed@example.com").await;
    instance.settled().await;
    assert_eq!(server.mails().len(), before + 2);
}

both_databases!(r29_a_mail_server_that_is_gone_changes_no_answer);
async fn r29_a_mail_server_that_is_gone_changes_no_answer(database: Database) {
    let gone = "smtp://127.0.0.1:1";
    let choices = Choices {
        mailer: Some(bailiwick::mail::Mailer::smtp(gone, crate::common::mail::mail_from()).unwrap()),
        ..Choices::default()
    };
    let instance = Instance::start(&database, choices).await;
    acme_with_dana(&instance).await;
    ask(&instance, "acme", "dana@example.com").await;
    instance.settled().await;
    assert!(signs_in(&instance, "dana", PASSWORD).await);
}

#[tokio::test]
async fn r29_a_flood_of_requests_is_answered_alike_and_kept_small() {
    let server = MailServer::start_held().await;
    let choices = Choices { mailer: Some(server.mailer()), ..Choices::default() };
    let database = Database::sqlite();
    let instance = Instance::start(&database, choices).await;
    let (alice, _) = acme_with_dana(&instance).await;
    alice.add_user("pat", "AGENT", json!({})).await;
    let from = |address: &str, email: &str| {
        let (client, input) = (instance.stranger().at_address(address), json!({ "tenant": "acme", "email": email }));
        async move { client.make("PasswordResetRequest", input).await }
    };
    from("203.0.113.1", "dana@example.com").await;
    eventually("it waits for the mail server", async || server.connections() == 1).await;
    // Eight more of this client are kept, and none but those.
    for _ in 0..20 {
        from("203.0.113.1", "nobody@example.com").await;
    }
    from("203.0.113.1", "pat@example.com").await;
    from("192.0.2.1", "alice@example.com").await;
    server.release();
    instance.settled().await;
    assert_eq!(server.mails().len(), 2, "what is more than a client's share is passed over, and nobody else's");
    from("203.0.113.1", "pat@example.com").await;
    instance.settled().await;
    assert_eq!(server.mails().len(), 3, "and may come again");
}

#[tokio::test]
async fn r29_a_link_made_at_one_instance_is_used_at_another_where_the_sessions_end_too() {
    let database = Database::postgres().await;
    let bus = bailiwick::sync::Bus::memory();
    let choices = || Choices { bus: bus.clone(), ..Choices::default() };
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&database, choices()).await);
    let (_, dana) = acme_with_dana(&one).await;
    let there = dana.at(&other);
    assert!(is_in(&dana).await && is_in(&there).await);
    let token = link_for(&one, "dana").await;
    use_link(&other, &token).await;
    assert!(!is_in(&there).await);
    eventually("the session ends at the first", async || !is_in(&dana).await).await;
    assert!(is_expired(&one, &token).await);
}
