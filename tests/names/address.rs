//! Email addresses: those that mails reach, and which of them are one (R26, R29).

use crate::common::app::{Database, Instance, both, both_databases};
use serde_json::{Value, json};

use super::*;

fn with_email(username: &str, email: &str) -> Value {
    json!({ "username": username, "fullName": username, "email": email, "baseRole": "AGENT", "password": PASSWORD })
}

both!(r26_an_address_that_no_mail_reaches_is_refused);
async fn r26_an_address_that_no_mail_reaches_is_refused(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "AGENT", json!({})).await;
    for email in [
        "\"kim reed\"@corp.example",
        "kim@[127.0.0.1]",
        "kim@127.0.0.1",
        "kim@localhost",
        "kim@corp..example",
        "kim@-corp.example",
        "kim@corp_x.example",
        "kim@corp.example.",
        "kim..reed@corp.example",
        ".kim@corp.example",
        "kim(comment)@corp.example",
        "ki\u{200b}m@corp.example",
        "Kim <kim@corp.example>",
        "kim@reed@corp.example",
    ] {
        let refused = refusal("INVALID", "email");
        assert_eq!(alice.refuse("UserCreate", with_email("kim", email)).await, refused, "{email}");
        let update = json!({ "key": "dana", "version": 1, "email": email });
        assert_eq!(alice.refuse("UserUpdate", update).await, refused, "{email}");
        let import = json!({ "users": [with_email("kim", email)] });
        assert_eq!(alice.refuse("UsersImport", import).await, refusal("INVALID", "users.0.email"), "{email}");
    }
}

both!(r26_and_r29_a_domain_is_one_in_its_own_letters_and_in_those_of_dns);
async fn r26_and_r29_a_domain_is_one_in_its_own_letters_and_in_those_of_dns(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let made = alice.make("UserCreate", with_email("kim", "Kim@Bücher.example")).await;
    assert_eq!(made["user"]["email"], "Kim@xn--bcher-kva.example");
    for same in ["kim@bücher.example", "KIM@BÜCHER.EXAMPLE", "kim@xn--bcher-kva.example", "kim@bu\u{308}cher.example"]
    {
        let taken = alice.refuse("UserCreate", with_email("lee", same)).await;
        assert_eq!(taken, refusal("ALREADY_EXISTS", "email"), "{same}");
    }
    let twice = json!({ "users": [with_email("lee", "lee@é.example"), with_email("max", "lee@xn--9ca.example")] });
    assert_eq!(alice.refuse("UsersImport", twice).await, refusal("ALREADY_EXISTS", "users.1.email"));
    for (sent, asked) in ["kim@bücher.example", "Kim@xn--bcher-kva.example"].into_iter().enumerate() {
        let input = json!({ "tenant": "acme", "email": asked });
        instance.stranger().make("PasswordResetRequest", input).await;
        let mails = instance.mails().await;
        assert_eq!(mails.len(), sent + 1, "{asked}");
        assert!(mails[sent].contains("To: Kim@xn--bcher-kva.example\r\n"), "{}", mails[sent]);
        instance.pass_seconds(2 * 3600);
    }
}

both_databases!(r29_an_address_of_an_older_version_is_reached_and_taken);
async fn r29_an_address_of_an_older_version_is_reached_and_taken(database: Database) {
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    for name in ["kim", "lee"] {
        alice.make("UserCreate", with_email(name, &format!("{name}@corp.example"))).await;
    }
    // An older version kept the address in the letters that were given.
    let tables = Tables::of(&database).await;
    tables
        .run("UPDATE users SET email = 'Kim@Bücher.example', email_key = 'kim@bücher.example' WHERE key = 'kim'")
        .await;
    for (sent, asked) in ["kim@xn--bcher-kva.example", "KIM@bücher.example"].into_iter().enumerate() {
        instance.stranger().make("PasswordResetRequest", json!({ "tenant": "acme", "email": asked })).await;
        let mails = instance.mails().await;
        assert_eq!(mails.len(), sent + 1, "{asked}");
        assert!(mails[sent].contains("To: Kim@xn--bcher-kva.example\r\n"), "{}", mails[sent]);
        instance.pass_seconds(2 * 3600);
    }
    let alice = alice.signed_in("acme", "alice", PASSWORD).await;
    let taken = refusal("ALREADY_EXISTS", "email");
    for same in ["kim@xn--bcher-kva.example", "kim@bücher.example"] {
        assert_eq!(alice.refuse("UserCreate", with_email("max", same)).await, taken, "{same}");
        let update = json!({ "key": "lee", "version": 1, "email": same });
        assert_eq!(alice.refuse("UserUpdate", update).await, taken, "{same}");
        let import = json!({ "users": [with_email("max", same)] });
        assert_eq!(alice.refuse("UsersImport", import).await, refusal("ALREADY_EXISTS", "users.0.email"), "{same}");
    }
}
