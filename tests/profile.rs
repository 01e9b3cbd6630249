//! User profiles, through the API: what administrators save, and what holders may then do.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, MODULES, both};
use crate::common::operations::{automatic, keys, merged, open, refusal};

const NONE: [bool; 3] = [false, false, false];

/// Returns whether `dana` may read, edit and delete.
async fn rights(alice: &Client, object: &str) -> [bool; 3] {
    let ask = |action: &str| json!({ "subject": "dana", "action": action, "object": object });
    let inputs = json!({ "inputs": [ask("read"), ask("edit"), ask("delete")] });
    let answers = alice.get("Decisions", inputs).await;
    [0, 1, 2].map(|n| answers[n]["allowed"].as_bool().unwrap())
}

/// Makes the queues "sales" and "support", and the profile "night" that `dana` holds.
async fn night(alice: &Client, permission_type: &str) {
    alice.register("voice/queues", &["sales", "support"]).await;
    alice.add_profile("Night", permission_type).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
}

async fn module(alice: &Client, module: &str) -> Value {
    alice.get("ProfileModule", json!({ "profile": "night", "module": module })).await["module"].clone()
}

fn section<'a>(module: &'a Value, key: &str) -> &'a Value {
    let sections = module["sections"].as_array().unwrap();
    sections.iter().find(|section| section["section"]["key"] == key).unwrap()
}

both!(r5_all_of_a_profile_can_change_but_its_name_which_is_unique);
async fn r5_all_of_a_profile_can_change_but_its_name_which_is_unique(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let input = json!({ "name": "Night Shift", "description": "After ten", "permissionType": "READ_DELETE",
        "maskSensitiveData": true });
    let made = alice.make("ProfileCreate", input.clone()).await["profile"].clone();
    assert_eq!((&made["key"], &made["version"]), (&json!("night-shift"), &json!(1)));
    for field in ["name", "description", "permissionType", "maskSensitiveData"] {
        assert_eq!(made[field], input[field]);
    }
    assert_eq!(alice.refuse("ProfileCreate", input.clone()).await, refusal("ALREADY_EXISTS", "name"));
    let same_key = merged(input, json!({ "name": "Other", "key": "night-shift" }));
    assert_eq!(alice.refuse("ProfileCreate", same_key).await, refusal("ALREADY_EXISTS", "key"));
    let change = json!({ "key": "night-shift", "version": 1, "description": null, "permissionType": "READ",
        "maskSensitiveData": false });
    let changed = alice.make("ProfileUpdate", change).await["profile"].clone();
    assert_eq!((&changed["description"], &changed["permissionType"]), (&json!(""), &json!("READ")));
    assert_eq!((&changed["maskSensitiveData"], &changed["name"]), (&json!(false), &json!("Night Shift")));
    let rename = json!({ "input": { "key": "night-shift", "version": 2, "name": "Day" } });
    assert_eq!(alice.fail("ProfileUpdate", rename).await, "BAD_INPUT");
    let minimal = alice.add_profile("Day", "READ_EDIT").await;
    assert_eq!((&minimal["description"], &minimal["maskSensitiveData"]), (&json!(""), &json!(false)));
}

both!(r6_a_new_profile_permits_nothing);
async fn r6_a_new_profile_permits_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT_DELETE").await;
    let night = alice.get("Profile", json!({ "key": "night" })).await;
    let states = night["modules"].as_array().unwrap();
    assert_eq!(states.len(), MODULES.len());
    assert!(states.iter().all(|module| module["state"] == "DISABLED"), "{states:?}");
    for object in ["voice/queues", "voice/queues/sales", "contacts/contacts", "admin/users"] {
        assert_eq!(rights(&alice, object).await, NONE, "{object}");
    }
    assert!(alice.allowed("dana", "read", "voice/contexts/from-sip").await, "a protected one is everyone's");
    assert_eq!((&night["userCount"], keys(&night["users"]["nodes"])), (&json!(1), vec!["dana".to_owned()]));
}

both!(r7_and_r8_the_module_switch_opens_everything_and_shuts_everything);
async fn r7_and_r8_the_module_switch_opens_everything_and_shuts_everything(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT").await;
    let switch = async |version: i32, on: bool| {
        let input = json!({ "profile": "night", "module": "voice", "version": version, "all": on });
        alice.make("ProfileSaveModule", input).await;
        module(&alice, "voice").await
    };
    let voice = switch(1, true).await;
    assert_eq!(voice["state"], "FULL");
    for section in voice["sections"].as_array().unwrap() {
        assert_eq!((&section["enabled"], &section["visible"]), (&json!(true), &json!(true)));
        let association = if section["section"]["holdsResources"] == true { "AUTOMATIC" } else { "MANUAL" };
        assert_eq!((&section["association"], &section["override"]), (&json!(association), &Value::Null));
    }
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, true, false]);
    alice.register("voice/queues", &["new"]).await;
    assert_eq!(rights(&alice, "voice/queues/new").await, [true, true, false]);
    let voice = switch(2, false).await;
    assert_eq!(
        (&voice["state"], section(&voice, "voice/queues")["resourceCount"].as_i64()),
        (&json!("DISABLED"), Some(0))
    );
    assert_eq!(rights(&alice, "voice/queues/sales").await, NONE);
    alice.save_sections("night", "voice", json!([open("voice/queues", &[])])).await;
    assert_eq!(module(&alice, "voice").await["state"], "PARTIAL");
    let both = json!({ "profile": "night", "module": "voice", "version": 4, "all": true, "sections": [open("voice/queues", &[])] });
    assert_eq!(alice.refuse("ProfileSaveModule", both).await, refusal("INVALID", "all"));
}

both!(r9_the_sections_override_holds_else_the_modules_else_the_permission_type);
async fn r9_the_sections_override_holds_else_the_modules_else_the_permission_type(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT_DELETE").await;
    alice.save_sections("night", "voice", json!([automatic("voice/queues"), automatic("voice/recordings")])).await;
    let save = async |version: i32, more: Value| {
        let input = json!({ "profile": "night", "module": "voice", "version": version });
        alice.make("ProfileSaveModule", merged(input, more)).await;
    };
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, true, true]);
    let (read, edit) = (
        json!({ "read": true, "edit": false, "delete": false }),
        json!({ "read": true, "edit": true, "delete": false }),
    );
    save(2, json!({ "override": read })).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, false, false]);
    save(3, json!({ "sections": [merged(automatic("voice/queues"), json!({ "override": edit }))] })).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, true, false]);
    assert_eq!(rights(&alice, "voice/recordings").await, [true, false, false]);
    let voice = module(&alice, "voice").await;
    assert_eq!((&voice["override"], &section(&voice, "voice/queues")["override"]), (&read, &edit));
    assert_eq!(section(&voice, "voice/recordings")["effective"], read);
    save(4, json!({ "override": null, "sections": [merged(automatic("voice/queues"), json!({ "override": null }))] }))
        .await;
    alice.make("ProfileUpdate", json!({ "key": "night", "version": 5, "permissionType": "READ_DELETE" })).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, false, true], "also when it changes later");
    let blind = json!({ "profile": "night", "module": "voice", "version": 6, "override": { "read": false, "edit": true, "delete": true } });
    assert_eq!(alice.refuse("ProfileSaveModule", blind).await, refusal("INVALID", "override.read"));
}

both!(r10_and_r12_automatic_takes_all_refuses_a_list_and_leaves_nothing_behind);
async fn r10_and_r12_automatic_takes_all_refuses_a_list_and_leaves_nothing_behind(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ").await;
    alice.save_sections("night", "voice", json!([automatic("voice/queues")])).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, false, false]);
    for (list, field) in [
        (json!({ "resources": ["sales"] }), "sections.0.resources"),
        (json!({ "addResources": ["sales"] }), "sections.0.addResources"),
        (json!({ "removeResources": ["sales"] }), "sections.0.removeResources"),
    ] {
        let sections = json!([merged(automatic("voice/queues"), list)]);
        let input = json!({ "profile": "night", "module": "voice", "version": 2, "sections": sections });
        let refused = alice.refuse("ProfileSaveModule", input).await;
        assert_eq!(refused, refusal("ASSOCIATION_IS_AUTOMATIC", field));
    }
    let manual = json!({ "section": "voice/queues", "enabled": true, "visible": true, "association": "MANUAL" });
    alice.save_sections("night", "voice", json!([manual])).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, NONE);
    alice.register("voice/queues", &["late"]).await;
    assert_eq!(rights(&alice, "voice/queues/late").await, NONE);
}

both!(r11_a_manual_list_is_what_is_listed_and_what_its_holders_create);
async fn r11_a_manual_list_is_what_is_listed_and_what_its_holders_create(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT").await;
    alice.add_user("other", "USER", json!({ "profile": "default" })).await;
    alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, true, false]);
    assert_eq!(rights(&alice, "voice/queues/support").await, NONE);
    let by = |user: &str, key: &str| json!({ "section": "voice/queues", "createdBy": user, "resources": [{ "key": key, "name": key }] });
    alice.make("ResourceRegister", by("dana", "hers")).await;
    alice.make("ResourceRegister", by("other", "theirs")).await;
    assert_eq!(rights(&alice, "voice/queues/hers").await, [true, true, false]);
    assert_eq!(rights(&alice, "voice/queues/theirs").await, NONE);
    let edit = json!({ "section": "voice/queues", "enabled": true, "visible": true, "association": "MANUAL",
        "addResources": ["theirs"], "removeResources": ["sales"] });
    alice.save_sections("night", "voice", json!([edit])).await;
    let queues = module(&alice, "voice").await;
    let queues = section(&queues, "voice/queues");
    assert_eq!(keys(&queues["resources"]["nodes"]), ["hers", "theirs"]);
    assert_eq!(keys(&queues["available"]["nodes"]), ["sales", "support"]);
    assert_eq!((&queues["resourceCount"], &queues["available"]["totalCount"]), (&json!(2), &json!(2)));
    let found = alice
        .get("ProfileModule", json!({ "profile": "night", "module": "voice", "first": 1, "search": "S" }))
        .await["module"]
        .clone();
    let found = section(&found, "voice/queues");
    assert_eq!(
        (keys(&found["resources"]["nodes"]), &found["resources"]["totalCount"]),
        (vec!["hers".to_owned()], &json!(2))
    );
    assert_eq!(found["available"]["pageInfo"]["hasNextPage"], true);
}

both!(r17_one_save_covers_one_module_as_a_whole_or_changes_nothing);
async fn r17_one_save_covers_one_module_as_a_whole_or_changes_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ").await;
    let rules = alice.rules().await;
    let save = |sections: Value| json!({ "profile": "night", "module": "voice", "version": 1, "sections": sections });
    for (wrong, code, field) in [
        (open("voice/nothing", &[]), "NOT_FOUND", "sections.1.section"),
        (open("chat/queues", &[]), "NOT_FOUND", "sections.1.section"),
        (open("voice/recordings", &["nothing"]), "NOT_FOUND", "sections.1.resources"),
        (open("voice/queues", &[]), "INVALID", "sections.1.section"),
        (open("queues", &[]), "INVALID", "sections.1.section"),
    ] {
        let refused = alice.refuse("ProfileSaveModule", save(json!([automatic("voice/queues"), wrong]))).await;
        assert_eq!(refused, refusal(code, field));
    }
    assert_eq!(alice.rules().await, rules);
    let other = json!({ "profile": "night", "module": "admin", "version": 1, "all": true });
    assert_eq!(alice.refuse("ProfileSaveModule", other).await, refusal("INVALID", "module"));
    let other = json!({ "profile": "night", "module": "nothing", "version": 1, "all": true });
    assert_eq!(alice.refuse("ProfileSaveModule", other).await, refusal("NOT_FOUND", "module"));
    let before = alice.revision().await;
    alice.make("ProfileSaveModule", save(json!([automatic("voice/queues"), automatic("voice/recordings")]))).await;
    assert_eq!(alice.revision().await, before + 1);
}

both!(r18_a_clone_is_everything_but_name_and_users_and_a_held_profile_stays);
async fn r18_a_clone_is_everything_but_name_and_users_and_a_held_profile_stays(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT").await;
    alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
    let clone = alice.make("ProfileClone", json!({ "key": "night", "newName": "Day", "newKey": "day-1" })).await;
    assert_eq!((&clone["profile"]["key"], &clone["profile"]["permissionType"]), (&json!("day-1"), &json!("READ_EDIT")));
    assert_eq!(alice.get("Profile", json!({ "key": "day-1" })).await["userCount"], 0);
    let of = |rules: &[String], profile: &str| {
        let mine = rules.iter().filter(|rule| rule.starts_with(&format!("p, profile:{profile},")));
        mine.map(|rule| rule.replace(profile, "")).collect::<Vec<_>>()
    };
    let rules = alice.rules().await;
    assert_eq!(of(&rules, "day-1"), of(&rules, "night"));
    for (input, code, field) in [
        (json!({ "key": "night", "newName": "Day" }), "ALREADY_EXISTS", "newName"),
        (json!({ "key": "night", "newName": "New", "newKey": "night" }), "ALREADY_EXISTS", "newKey"),
        (json!({ "key": "nothing", "newName": "New" }), "NOT_FOUND", "key"),
    ] {
        assert_eq!(alice.refuse("ProfileClone", input).await, refusal(code, field));
    }
    let held = alice.get("ProfileDelete", json!({ "input": { "key": "night" } })).await;
    let error = &held["userErrors"][0];
    assert_eq!((&error["code"], &error["count"]), (&json!("PROFILE_IN_USE"), &json!(1)));
    assert_eq!(error["related"][0]["id"], alice.get("User", json!({ "key": "dana" })).await["id"]);
    assert_eq!(alice.make("ProfileDelete", json!({ "key": "day-1" })).await["key"], "day-1");
    assert_eq!(alice.get("Profile", json!({ "key": "day-1" })).await, Value::Null);
}

both!(what_somebody_else_has_changed_is_not_overwritten);
async fn what_somebody_else_has_changed_is_not_overwritten(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ").await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    for (name, input) in [
        ("ProfileUpdate", json!({ "key": "night", "description": "mine" })),
        ("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "all": true })),
        ("UserUpdate", json!({ "key": "dana", "fullName": "mine" })),
        ("RoleUpdate", json!({ "key": "analyst", "name": "mine" })),
        ("GroupUpdate", json!({ "key": "staff", "name": "mine" })),
    ] {
        let rules = alice.rules().await;
        for stale in [0, 7, -1] {
            let refused = alice.refuse(name, merged(input.clone(), json!({ "version": stale }))).await;
            assert_eq!(refused.0, "CONFLICT", "{name} {stale}");
        }
        assert_eq!(alice.rules().await, rules);
    }
}

both!(r7_a_module_without_any_resource_is_full_once_its_sections_are_open);
async fn r7_a_module_without_any_resource_is_full_once_its_sections_are_open(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_profile("Night", "READ").await;
    let state = async |name: &str| module(&alice, name).await["state"].clone();
    let by_hand = |section: &str| open(section, &[]);
    alice.save_sections("night", "chat", json!([by_hand("chat/queues"), by_hand("chat/websites")])).await;
    assert_eq!(state("chat").await, "PARTIAL", "one section is not open");
    alice.save_sections("night", "chat", json!([by_hand("chat/realtime")])).await;
    assert_eq!(state("chat").await, "FULL", "where there are no resources none is missing");
    alice.register("chat/queues", &["web"]).await;
    assert_eq!(state("chat").await, "PARTIAL", "now one is");
    alice.save_sections("night", "chat", json!([open("chat/queues", &["web"])])).await;
    assert_eq!(state("chat").await, "FULL", "by being listed");
    let shut = json!({ "section": "email/queues", "enabled": false, "visible": false, "association": "AUTOMATIC" });
    assert_eq!(state("email").await, "DISABLED");
    alice.save_sections("night", "email", json!([shut])).await;
    assert_eq!(state("email").await, "PARTIAL", "something is associated, though there is nothing yet");
    let save = json!({ "profile": "night", "module": "downloads", "version": 5, "all": true });
    alice.make("ProfileSaveModule", save).await;
    assert_eq!(state("downloads").await, "FULL", "its sections hold no resources at all");
    let modules: Vec<&str> = MODULES.iter().copied().filter(|one| !["chat", "whatsapp"].contains(one)).collect();
    let licence = json!({ "tenant": "acme", "modules": modules });
    instance.operator().await.make("TenantSetLicence", licence).await;
    assert_eq!(state("chat").await, "UNLICENSED");
    assert_eq!(module(&alice, "whatsapp").await, Value::Null, "an optional one is not listed");
}

both!(r9_what_a_section_cannot_have_is_refused_and_every_face_says_what_it_has);
async fn r9_what_a_section_cannot_have_is_refused_and_every_face_says_what_it_has(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT_DELETE").await;
    let all = json!({ "override": { "read": true, "edit": true, "delete": true } });
    for (save, field) in [
        (merged(open("voice/chanspy", &[]), all.clone()), "override.delete"),
        (merged(open("voice/realtime", &[]), all), "override.edit"),
        (automatic("voice/realtime"), "association"),
        (open("voice/realtime", &["x"]), "resources"),
    ] {
        let sections = json!([open("voice/queues", &["sales"]), save]);
        let input = json!({ "profile": "night", "module": "voice", "version": 1, "sections": sections });
        let refused = alice.refuse("ProfileSaveModule", input).await;
        assert_eq!(refused, refusal("INVALID", &format!("sections.1.{field}")));
    }
    assert_eq!(rights(&alice, "voice/queues/sales").await, NONE, "none of it is saved");

    let save = json!({ "profile": "night", "module": "voice", "version": 1, "all": true });
    alice.make("ProfileSaveModule", save).await;
    let voice = module(&alice, "voice").await;
    let chanspy = section(&voice, "voice/chanspy");
    let has = json!({ "read": true, "edit": true, "delete": false });
    assert_eq!((&chanspy["section"]["rights"], &chanspy["effective"]), (&has, &has));
    assert_eq!((&chanspy["association"], &chanspy["enabled"]), (&json!("MANUAL"), &json!(true)));
    let downloads = module(&alice, "downloads").await;
    let kind = &section(&downloads, "downloads/attachments")["section"];
    let none = json!({ "read": false, "edit": false, "delete": false });
    assert_eq!((&kind["rights"], &kind["download"]), (&none, &json!(true)));
    let menu = alice.get("User", json!({ "key": "dana" })).await["menu"].clone();
    let sections = menu[0]["sections"].as_array().unwrap();
    let flags = |key: &str| {
        let one = sections.iter().find(|section| section["key"] == key).unwrap();
        (one["canEdit"].as_bool().unwrap(), one["canDelete"].as_bool().unwrap())
    };
    assert_eq!(
        [flags("voice/queues"), flags("voice/chanspy"), flags("voice/realtime")],
        [(true, true), (true, false), (false, false)]
    );
}

both!(r12_automatic_can_leave_what_there_is_as_the_list_and_a_dry_run_tells_first);
async fn r12_automatic_can_leave_what_there_is_as_the_list_and_a_dry_run_tells_first(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT").await;
    alice.register("voice/contexts", &["own"]).await;
    alice.save_sections("night", "voice", json!([automatic("voice/queues"), automatic("voice/contexts")])).await;
    let manual = |section: &str, keep: bool| json!({ "section": section, "enabled": true, "visible": true, "association": "MANUAL", "keepAssociated": keep });
    let save = |keep: bool, dry_run: bool| {
        json!({ "profile": "night", "module": "voice", "version": 2, "dryRun": dry_run,
            "sections": [manual("voice/queues", keep), manual("voice/contexts", keep)] })
    };
    let impact = alice.make("ProfileSaveModule", save(true, true)).await["impact"].clone();
    let counts = ["gainedCount", "lostCount", "affectedUsers"].map(|field| impact[field].as_i64().unwrap());
    assert_eq!(counts, [0, 0, 0], "what is there stays");
    let impact = alice.make("ProfileSaveModule", save(false, true)).await["impact"].clone();
    assert_eq!((&impact["lostCount"], &impact["affectedUsers"]), (&json!(9), &json!(1)), "three things of three");

    alice.make("ProfileSaveModule", save(true, false)).await;
    alice.register("voice/queues", &["later"]).await;
    let voice = module(&alice, "voice").await;
    let lists = ["resources", "available"].map(|list| keys(&section(&voice, "voice/queues")[list]["nodes"]));
    assert_eq!(lists, [vec!["sales".to_owned(), "support".to_owned()], vec!["later".to_owned()]]);
    assert_eq!(section(&voice, "voice/queues")["association"], "MANUAL");
    assert_eq!(keys(&section(&voice, "voice/contexts")["resources"]["nodes"]), ["from-sip", "own"]);
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, true, false]);
    assert_eq!(rights(&alice, "voice/queues/later").await, NONE);
    let again = json!({ "profile": "night", "module": "voice", "version": 3,
        "sections": [manual("voice/contexts", false), manual("voice/queues", true)] });
    let refused = alice.refuse("ProfileSaveModule", again).await;
    assert_eq!(refused, refusal("INVALID", "sections.1.keepAssociated"), "it is no longer automatic");
}

both!(r13_a_resource_of_a_closed_section_is_linked_and_read_and_no_more);
async fn r13_a_resource_of_a_closed_section_is_linked_and_read_and_no_more(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ_EDIT_DELETE").await;
    let closed = merged(open("voice/queues", &["sales"]), json!({ "enabled": false }));
    alice.save_sections("night", "voice", json!([closed])).await;
    assert_eq!(rights(&alice, "voice/queues/sales").await, [true, false, false]);
    assert!(alice.allowed("dana", "link", "voice/queues/sales").await);
    assert_eq!(rights(&alice, "voice/queues").await, NONE);
    assert_eq!(alice.get("User", json!({ "key": "dana" })).await["menu"], json!([]), "visible, but not open");
    let voice = module(&alice, "voice").await;
    assert_eq!((&voice["state"], &section(&voice, "voice/queues")["resourceCount"]), (&json!("PARTIAL"), &json!(1)));
}

both!(r16_protected_resources_are_in_the_lists_and_counts_of_every_profile);
async fn r16_protected_resources_are_in_the_lists_and_counts_of_every_profile(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.register("voice/contexts", &["other"]).await;
    alice.add_profile("Night", "READ").await;
    let contexts = async || {
        let voice = module(&alice, "voice").await;
        let contexts = section(&voice, "voice/contexts");
        let (has, lacks) = (keys(&contexts["resources"]["nodes"]), keys(&contexts["available"]["nodes"]));
        assert_eq!(contexts["resourceCount"].as_u64(), Some(has.len() as u64));
        assert_eq!(contexts["resources"]["totalCount"], contexts["resourceCount"]);
        (voice["state"].clone(), has.join(" "), lacks.join(" "))
    };
    let told = |state: &str, has: &str, lacks: &str| (json!(state), has.to_owned(), lacks.to_owned());
    assert_eq!(contexts().await, told("DISABLED", "from-sip", "other"), "what all have colours no icon");
    for (list, has, lacks) in [
        (vec!["from-sip"], "from-sip", "other"),
        (vec!["from-sip", "other"], "from-sip other", ""),
        (vec!["other"], "from-sip other", ""),
    ] {
        alice.save_sections("night", "voice", json!([open("voice/contexts", &list)])).await;
        assert_eq!(contexts().await, told("PARTIAL", has, lacks), "{list:?}");
    }
    let remove = json!({ "section": "voice/contexts", "enabled": true, "visible": true, "association": "MANUAL",
        "removeResources": ["from-sip"] });
    let input = json!({ "profile": "night", "module": "voice", "version": 4, "sections": [remove] });
    let refused = alice.refuse("ProfileSaveModule", input).await;
    assert_eq!(refused, refusal("PROTECTED_RESOURCE", "sections.0.removeResources"));
}

both!(r21_downloads_are_given_one_by_one_and_have_no_permission_to_override);
async fn r21_downloads_are_given_one_by_one_and_have_no_permission_to_override(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ").await;
    alice.save_sections("night", "downloads", json!([open("downloads/attachments", &[])])).await;
    for (kind, may) in [("attachments", true), ("interactions", false), ("voice-recordings", false)] {
        assert_eq!(alice.allowed("dana", "download", &format!("downloads/{kind}")).await, may, "{kind}");
    }
    assert_eq!(rights(&alice, "downloads/attachments").await, NONE);
    assert_eq!(alice.get("User", json!({ "key": "dana" })).await["menu"], json!([]), "a download is no page");
    let rights = json!({ "override": { "read": true, "edit": false, "delete": false } });
    let sections = json!([open("downloads/interactions", &[]), merged(open("downloads/attachments", &[]), rights)]);
    let input = json!({ "profile": "night", "module": "downloads", "version": 2, "sections": sections });
    let refused = alice.refuse("ProfileSaveModule", input).await;
    assert_eq!(refused, refusal("INVALID", "sections.1.override"));
    assert!(!alice.allowed("dana", "download", "downloads/interactions").await);
}

both!(r22_an_entry_of_the_menu_is_found_among_many_that_are_not_associated);
async fn r22_an_entry_of_the_menu_is_found_among_many_that_are_not_associated(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let many: Vec<String> = (0..150).map(|n| format!("board-{n:03}")).collect();
    let boards: Vec<&str> = many.iter().map(String::as_str).collect();
    alice.register("tools/custom-dashboards", &boards).await;
    night(&alice, "READ").await;
    alice.save_sections("night", "tools", json!([open("tools/custom-dashboards", &["board-149"])])).await;
    // Associated without its section, the General dashboard is the home, and no entry.
    let general = merged(open("dashboards/general", &["general"]), json!({ "enabled": false }));
    alice.save_sections("night", "dashboards", json!([general])).await;
    let dana = alice.get("User", json!({ "key": "dana" })).await;
    assert_eq!((keys(&dana["menu"]), &dana["home"]), (vec!["dashboards".to_owned()], &json!("GENERAL_DASHBOARD")));
    let sections = &dana["menu"][0]["sections"];
    assert_eq!(keys(sections), ["tools/custom-dashboards"]);
    assert_eq!(keys(&sections[0]["entries"]), ["board-149"]);
}

both!(r23_the_menu_is_in_the_catalogues_order_whatever_was_saved_first);
async fn r23_the_menu_is_in_the_catalogues_order_whatever_was_saved_first(instance: Instance) {
    let alice = instance.tenant("acme").await;
    night(&alice, "READ").await;
    for (module, sections) in [
        ("voice", vec!["voice/realtime", "voice/queues"]),
        ("contacts", vec!["contacts/companies", "contacts/contacts"]),
        ("staff", vec!["staff/teams"]),
    ] {
        let sections: Vec<Value> = sections.into_iter().map(|section| open(section, &[])).collect();
        alice.save_sections("night", module, json!(sections)).await;
    }
    let menu = alice.get("User", json!({ "key": "dana" })).await["menu"].clone();
    assert_eq!(keys(&menu), ["staff", "contacts", "voice"]);
    assert_eq!(keys(&menu[1]["sections"]), ["contacts/contacts", "contacts/companies"]);
    assert_eq!(keys(&menu[2]["sections"]), ["voice/queues", "voice/realtime"]);
}
