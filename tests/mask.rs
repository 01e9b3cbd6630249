//! Contacts as users of masking profiles see them (R20), through the API.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, merged};

/// The views that show contacts.
const VIEWS: [&str; 4] = ["contacts", "dialer", "interactions", "voice-recordings"];

fn ada() -> Value {
    json!({ "name": "Ada Lovelace", "phone": "+39 02 1234-5678", "email": "ada@example.com" })
}

/// Returns Ada, masked by four characters.
fn ada_masked() -> Value {
    json!({ "name": "Ada Love****", "phone": "+39 02 1234-****", "email": "***@exampl*****", "masked": true })
}

fn seen(contact: &Value) -> Value {
    merged(contact.clone(), json!({ "masked": false }))
}

/// Returns Ada as `subject` sees her in a view.
async fn ada_in(client: &Client, subject: &str, view: &str) -> Value {
    let input = json!({ "view": view, "subject": subject, "contacts": [ada()] });
    client.get("Masked", json!({ "input": input })).await[0].clone()
}

/// Returns the views in which `subject` sees Ada masked.
async fn masked_views(client: &Client, subject: &str) -> Vec<&'static str> {
    let mut masked = Vec::new();
    for view in VIEWS {
        let shown = ada_in(client, subject, view).await;
        if shown["masked"] == true {
            assert_eq!(shown, ada_masked(), "{subject} {view}");
            masked.push(view);
        } else {
            assert_eq!(shown, seen(&ada()), "{subject} {view}");
        }
    }
    masked
}

/// Makes a masking profile with this permission type and Contacts whole, and a user of it.
async fn masking(alice: &Client, name: &str, permission_type: &str, user: &str) {
    let profile = json!({ "name": name, "permissionType": permission_type, "maskSensitiveData": true });
    let key = alice.make("ProfileCreate", profile).await["profile"]["key"].clone();
    let key = key.as_str().unwrap();
    let sections = ["contacts", "lists", "companies"].map(|section| automatic(&format!("contacts/{section}")));
    alice.save_sections(key, "contacts", json!(sections)).await;
    alice.add_user(user, "USER", json!({ "profile": key })).await;
}

both!(r20_a_masking_profile_masks_every_view_of_contacts);
async fn r20_a_masking_profile_masks_every_view_of_contacts(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Readers", "READ_DELETE", "rita").await;
    assert_eq!(masked_views(&alice, "rita").await, VIEWS);
    alice.add_profile("Open", "READ").await;
    alice.add_user("otto", "USER", json!({ "profile": "open" })).await;
    for subject in ["alice", "otto"] {
        assert_eq!(masked_views(&alice, subject).await, [""; 0], "{subject}");
    }
}

both!(r20_who_may_edit_contacts_sees_them_in_the_contacts_section_alone);
async fn r20_who_may_edit_contacts_sees_them_in_the_contacts_section_alone(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Editors", "READ_EDIT", "edna").await;
    let elsewhere = ["dialer", "interactions", "voice-recordings"];
    assert_eq!(masked_views(&alice, "edna").await, elsewhere);
    let read = json!({ "read": true, "edit": false, "delete": false });
    let section = |more: Value| json!([merged(automatic("contacts/contacts"), more)]);
    alice.save_sections("editors", "contacts", section(json!({ "override": read }))).await;
    assert_eq!(masked_views(&alice, "edna").await, VIEWS, "the section's own permission holds");
    alice.save_sections("editors", "contacts", section(json!({ "override": null }))).await;
    assert_eq!(masked_views(&alice, "edna").await, elsewhere, "the profile's permission holds again");
    alice.save_sections("editors", "contacts", section(json!({ "enabled": false }))).await;
    assert_eq!(masked_views(&alice, "edna").await, VIEWS, "a section that is not open gives no edit");
}

both!(r20_lists_exports_and_downloads_do_not_share_the_exception);
async fn r20_lists_exports_and_downloads_do_not_share_the_exception(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Editors", "READ_EDIT", "edna").await;
    let kinds = ["attachments", "contact-lists", "interactions", "voice-recordings"];
    let sections = kinds.map(|kind| json!({ "section": format!("downloads/{kind}"), "enabled": true, "visible": false, "association": "MANUAL" }));
    alice.save_sections("editors", "downloads", json!(sections)).await;
    let downloads = kinds.map(|kind| ("download", format!("downloads/{kind}")));
    let lists = ["contacts/lists", "contacts/companies"].map(|section| ("read", section.to_owned()));
    for (action, object) in downloads.iter().chain(&lists) {
        let decision = alice.decision("edna", action, object).await;
        assert_eq!(decision["allowed"], true, "{object}");
        let view = decision["obligations"][0]["view"].as_str().unwrap_or_else(|| panic!("{object} is seen in full"));
        assert_eq!(ada_in(&alice, "edna", view).await, ada_masked(), "{object}");
    }
    let decision = alice.decision("edna", "read", "contacts/contacts").await;
    assert_eq!((&decision["allowed"], &decision["obligations"]), (&json!(true), &json!([])));
}

both!(r20_the_tenants_number_of_characters_holds_at_once);
async fn r20_the_tenants_number_of_characters_holds_at_once(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Readers", "READ", "rita").await;
    for (characters, name, phone, email) in [
        (4, "Ada Love****", "+39 02 1234-****", "***@exampl*****"),
        (1, "Ada Lovelac*", "+39 02 1234-567*", "ad*@example.co*"),
        (9, "Ad**********", "+39 0***********", "***@e**********"),
        (100, "************", "****************", "***************"),
    ] {
        alice.make("SettingsUpdate", json!({ "maskedCharacters": characters })).await;
        let expected = json!({ "name": name, "phone": phone, "email": email, "masked": true });
        assert_eq!(ada_in(&alice, "rita", "dialer").await, expected, "{characters}");
    }
}

both!(r20_what_else_a_user_holds_does_not_unmask);
async fn r20_what_else_a_user_holds_does_not_unmask(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Readers", "READ", "rita").await;
    let unmask = json!([{ "object": "data/*", "action": "unmask", "effect": "ALLOW" }]);
    alice.make("RoleCreate", json!({ "name": "Unmasker", "permissions": [], "grants": unmask })).await;
    let group = json!({ "name": "Trusted", "roles": ["unmasker"], "members": ["rita"] });
    alice.make("GroupCreate", group).await;
    assert_eq!(masked_views(&alice, "rita").await, VIEWS, "a deny wins over what a group allows");
    alice.add_profile("Open", "READ").await;
    let version = alice.get("User", json!({ "key": "rita" })).await["version"].clone();
    alice.make("UserUpdate", json!({ "key": "rita", "version": version, "profile": "open" })).await;
    assert_eq!(masked_views(&alice, "rita").await, [""; 0], "one profile is held at a time: the masking one is gone");
}

both!(r20_the_unknown_and_the_disabled_see_contacts_masked);
async fn r20_the_unknown_and_the_disabled_see_contacts_masked(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("mia", "MANAGER", json!({})).await;
    assert_eq!(masked_views(&alice, "mia").await, [""; 0]);
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "enabled": false })).await;
    for subject in ["mia", "nobody"] {
        assert_eq!(masked_views(&alice, subject).await, VIEWS, "{subject}");
    }
}

both!(r20_anyone_asks_about_themselves_and_who_decides_about_others);
async fn r20_anyone_asks_about_themselves_and_who_decides_about_others(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Readers", "READ", "rita").await;
    let desk = alice.new_service("desk").await;
    let rita = instance.stranger().signed_in("acme", "rita", crate::common::app::PASSWORD).await;
    let own = json!({ "input": { "view": "dialer", "contacts": [ada()] } });
    assert_eq!(rita.get("Masked", own.clone()).await[0], ada_masked());
    assert_eq!(ada_in(&rita, "rita", "dialer").await, ada_masked());
    assert_eq!(alice.get("Masked", own.clone()).await[0], seen(&ada()));
    assert_eq!(ada_in(&desk, "rita", "dialer").await, ada_masked());
    for subject in ["alice", "nobody"] {
        let input = json!({ "view": "dialer", "subject": subject, "contacts": [ada()] });
        assert_eq!(rita.fail("Masked", json!({ "input": input })).await, "FORBIDDEN", "{subject}");
    }
    // The operator looks as an admin of the tenant does.
    let visitor = instance.operator().await.in_tenant("acme");
    assert_eq!(visitor.get("Masked", own).await[0], seen(&ada()));
    assert_eq!(ada_in(&visitor, "rita", "dialer").await, ada_masked());
}

both!(contacts_come_back_in_their_order_and_absent_values_stay_absent);
async fn contacts_come_back_in_their_order_and_absent_values_stay_absent(instance: Instance) {
    let alice = instance.tenant("acme").await;
    masking(&alice, "Readers", "READ", "rita").await;
    let mut contacts: Vec<_> = (0..997).map(|n| json!({ "name": format!("Contact {n:04}") })).collect();
    contacts.extend([json!({}), json!({ "name": null, "phone": "", "email": "x" }), ada()]);
    let input = json!({ "view": "contacts", "subject": "rita", "contacts": contacts });
    let shown = alice.get("Masked", json!({ "input": input })).await;
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len(), 1000);
    assert!(shown[..997].iter().all(|one| one["name"] == "Contact ****" && one["phone"].is_null()));
    let nothing = json!({ "name": null, "phone": null, "email": null, "masked": true });
    assert_eq!(shown[997], nothing);
    assert_eq!(shown[998], merged(nothing, json!({ "phone": "", "email": "*" })));
    assert_eq!(shown[999], ada_masked());
}

both!(a_wrong_question_is_told_what_is_wrong);
async fn a_wrong_question_is_told_what_is_wrong(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let error = async |input: Value| {
        let answer = alice.answer("Masked", json!({ "input": input })).await;
        answer["errors"][0].clone()
    };
    for (view, subject, count, field, said) in [
        ("nowhere", "alice", 1, "view", "`contacts`, `dialer`, `interactions`, `voice-recordings`"),
        ("performance", "alice", 1, "view", "`contacts`, `dialer`, `interactions`, `voice-recordings`"),
        ("contacts/*", "alice", 1, "view", "no such view shows contacts"),
        ("contacts", "role:admin", 1, "subject", "is not a user key"),
        ("contacts", "alice", 0, "contacts", "1 to 1000"),
        ("contacts", "alice", 1001, "contacts", "1 to 1000"),
    ] {
        let contacts = vec![json!({ "name": "Ada" }); count];
        let error = error(json!({ "view": view, "subject": subject, "contacts": contacts })).await;
        assert_eq!(error["extensions"]["code"], "BAD_INPUT", "{error:#}");
        assert_eq!(error["extensions"]["field"], json!(["input", field]), "{error:#}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error:#}");
    }
}

both!(r1_a_user_of_another_tenant_is_as_unknown_as_one_of_none);
async fn r1_a_user_of_another_tenant_is_as_unknown_as_one_of_none(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let there = instance.tenant("globex").await;
    there.add_user("gil", "MANAGER", json!({})).await;
    assert_eq!(ada_in(&alice, "gil", "contacts").await, ada_in(&alice, "nobody", "contacts").await);
}
