//! The catalogue, menus and homes, through the API.

use serde_json::{Value, json};

use bailiwick::domain::key::TenantKey;

use crate::common::app::{Choices, Database, Instance, MODULES, both, both_databases};
use crate::common::catalogues::undivided;
use crate::common::operations::{automatic, keys, open};

both!(r2_modules_stand_in_the_order_of_the_menu_and_optional_ones_only_with_a_licence);
async fn r2_modules_stand_in_the_order_of_the_menu_and_optional_ones_only_with_a_licence(instance: Instance) {
    let all = instance.tenant("acme").await.get("Catalogue", json!({})).await;
    let listed = keys(&all["modules"]);
    assert_eq!(listed.iter().filter(|key| *key != "admin").collect::<Vec<_>>(), MODULES.iter().collect::<Vec<_>>());
    assert!(all["modules"].as_array().unwrap().iter().all(|module| module["licensed"] == true));

    let few = instance.tenant_with("globex", &["voice"]).await.get("Catalogue", json!({})).await;
    let listed = keys(&few["modules"]);
    assert!(!listed.contains(&"whatsapp".to_owned()), "{listed:?}");
    let licensed: Vec<_> = few["modules"].as_array().unwrap().iter().filter(|one| one["licensed"] == true).collect();
    assert_eq!(keys(&json!(licensed)), ["voice", "admin"], "the platform's own is always licensed");
}

both!(r2_hints_and_lists_of_resources_leave_out_optional_modules_without_a_licence);
async fn r2_hints_and_lists_of_resources_leave_out_optional_modules_without_a_licence(instance: Instance) {
    const NODE: &str = "query($id: ID!) { node(id: $id) { id } }";
    let alice = instance.tenant("acme").await;
    let resources = async || alice.get("Resources", json!({ "section": "whatsapp/queues" })).await;
    let hints = async || {
        let catalogue = alice.get("Catalogue", json!({})).await;
        let sections =
            catalogue["modules"].as_array().unwrap().iter().flat_map(|it| it["sections"].as_array().unwrap());
        let named = sections.flat_map(|section| [keys(&section["goesWith"]), keys(&section["links"])].concat());
        named.filter(|key| key.starts_with("whatsapp/")).count()
    };
    alice.register("whatsapp/queues", &["shop"]).await;
    let (found, named) = (resources().await, hints().await);
    assert_eq!((keys(&found["nodes"]), &found["totalCount"]), (vec!["shop".to_owned()], &json!(1)));
    assert!(named > 3, "{named}");
    let id = json!({ "id": found["nodes"][0]["id"] });

    let modules: Vec<&str> = MODULES.iter().copied().filter(|module| *module != "whatsapp").collect();
    let operator = instance.operator().await;
    let licence = json!({ "tenant": "acme", "modules": modules });
    operator.make("TenantSetLicence", licence).await;
    let found = resources().await;
    assert_eq!((keys(&found["nodes"]).len(), &found["totalCount"], hints().await), (0, &json!(0), 0));
    assert_eq!(alice.data(NODE, id.clone()).await["node"], Value::Null);
    // Of a module that is merely unlicensed, what there is stays in sight.
    operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": ["staff"] })).await;
    alice.register("voice/queues", &["sales"]).await;
    assert_eq!(keys(&alice.get("Resources", json!({ "section": "voice/queues" })).await["nodes"]), ["sales"]);

    operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": MODULES })).await;
    assert_eq!((keys(&resources().await["nodes"]), hints().await), (vec!["shop".to_owned()], named));
    assert_eq!(alice.data(NODE, id.clone()).await["node"]["id"], id["id"]);
}

both_databases!(r9_a_divided_section_is_handed_on_with_the_first_change_whoever_makes_it);
async fn r9_a_divided_section_is_handed_on_with_the_first_change_whoever_makes_it(database: Database) {
    let old = Instance::start(&database, Choices { catalogue: undivided(), ..Choices::default() }).await;
    let alice = old.tenant("acme").await;
    alice.register("analytics/extracted-reports", &["october", "november"]).await;
    alice.add_profile("Night", "READ_EDIT").await;
    alice.add_profile("Day", "READ").await;
    alice.save_sections("night", "analytics", json!([open("analytics/extracted-reports", &["october"])])).await;
    alice.save_sections("day", "analytics", json!([automatic("analytics/extracted-reports")])).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    alice.add_user("joy", "USER", json!({ "profile": "day" })).await;
    let grouper = alice.new_delegate("acme", "gro", &[("admin/groups", "edit"), ("admin/groups", "read")]).await;
    old.stop().await;

    let new = Instance::start(&database, Choices::default()).await;
    let (alice, grouper) = (alice.at(&new), grouper.at(&new));
    let [was, default, custom] =
        ["", "default-", "custom-"].map(|which| format!("analytics/{which}extracted-reports/october"));
    let may = async |object: &str| alice.allowed("dana", "edit", object).await;
    let profile = async |key: &str| {
        let asked = json!({ "profile": key, "module": "analytics" });
        let night = alice.get("ProfileModule", asked).await;
        let sections = night["module"]["sections"].as_array().unwrap().clone();
        let open = sections.into_iter().filter(|section| section["enabled"] == true);
        let open: Vec<Value> = open.map(|section| section["section"].clone()).collect();
        (keys(&json!(open)).join(" "), night["version"].clone())
    };
    let both = "analytics/default-extracted-reports analytics/custom-extracted-reports".to_owned();
    assert_eq!(profile("night").await, (both.clone(), json!(2)), "an editor shows what a save begins with");
    let too_much = json!({ "name": "Analysts", "permissions": ["reports"] });
    assert_eq!(grouper.refuse("GroupCreate", too_much).await.0, "BEYOND_OWN_RIGHTS");
    assert_eq!([may(&was).await, may(&default).await, may(&custom).await], [true, false, false]);

    grouper.make("GroupCreate", json!({ "name": "Readers" })).await;
    assert_eq!([may(&was).await, may(&default).await, may(&custom).await], [false, true, true]);
    assert!(!alice.allowed("dana", "read", "analytics/default-extracted-reports/november").await);
    for reports in ["default", "custom"] {
        assert!(alice.allowed("joy", "read", &format!("analytics/{reports}-extracted-reports/new")).await);
        let listed = json!({ "section": format!("analytics/{reports}-extracted-reports") });
        assert_eq!(keys(&alice.get("Resources", listed).await["nodes"]), ["november", "october"]);
    }
    assert_eq!((profile("night").await, profile("day").await), ((both.clone(), json!(2)), (both, json!(2))));
    let platform = TenantKey::parse(TenantKey::PLATFORM).unwrap();
    let system = new.platform.system_caller(&platform).await.unwrap();
    let report = new.platform.verify(&system, &TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
    assert_eq!(report.differences, []);
}

both!(sections_and_permissions_say_what_they_are);
async fn sections_and_permissions_say_what_they_are(instance: Instance) {
    let catalogue = instance.tenant("acme").await.get("Catalogue", json!({})).await;
    let find = |list: &Value, key: &str| {
        list.as_array().unwrap().iter().find(|one| one["key"] == key).unwrap_or(&Value::Null).clone()
    };
    let queues = find(&find(&catalogue["modules"], "voice")["sections"], "voice/queues");
    assert_eq!((&queues["name"], &queues["holdsResources"]), (&json!("Voice Queues"), &json!(true)));
    assert!(keys(&queues["links"]).contains(&"staff/agents".to_owned()));
    assert_eq!(keys(&queues["goesWith"]), ["staff/agents", "staff/telephones"]);
    let supervision = find(&catalogue["permissions"], "supervision-report");
    assert_eq!(keys(&supervision["requires"]), ["reports"]);
    assert!(catalogue["dataViews"].as_array().unwrap().contains(&json!("contacts")));
}

both!(r23_the_menu_holds_what_the_caller_sees_in_the_catalogues_order);
async fn r23_the_menu_holds_what_the_caller_sees_in_the_catalogues_order(instance: Instance) {
    let alice = instance.tenant_with("acme", &["staff", "voice", "tools"]).await;
    let menu = alice.get("Viewer", json!({})).await["menu"].clone();
    let shown = ["dashboards", "staff", "voice", "tools", "admin"];
    assert_eq!(keys(&menu), shown, "custom dashboards stand under dashboards");
    assert_eq!(keys(&menu[1]["sections"]), ["staff/agents", "staff/telephones", "staff/teams"]);
    assert!(menu[1]["sections"].as_array().unwrap().iter().all(|one| one["canEdit"] == true));

    alice.add_profile("Night", "READ_EDIT").await;
    let hidden = json!({ "section": "voice/contexts", "enabled": true, "visible": false, "association": "MANUAL" });
    alice.save_sections("night", "voice", json!([automatic("voice/queues"), hidden])).await;
    alice.save_sections("night", "staff", json!([open("staff/teams", &[])])).await;
    let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "night" })).await;
    let viewer = dana.get("Viewer", json!({})).await;
    assert_eq!(keys(&viewer["menu"]), ["staff", "voice"]);
    let section =
        json!({ "key": "voice/queues", "name": "Voice Queues", "canEdit": true, "canDelete": false, "entries": [] });
    assert_eq!(viewer["menu"][1]["sections"], json!([section]), "a hidden section is not in it");
    assert_eq!(viewer["user"]["profile"]["key"], "night", "anyone sees what they hold themselves");
    let seen = alice.get("User", json!({ "key": "dana" })).await;
    assert_eq!(keys(&seen["menu"]), ["staff", "voice"], "an admin sees the same menu");

    let agent = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    assert_eq!(agent.get("Viewer", json!({})).await["menu"], json!([]));
}

both!(r22_dashboards_are_entries_of_the_menu_and_the_general_one_is_the_home);
async fn r22_dashboards_are_entries_of_the_menu_and_the_general_one_is_the_home(instance: Instance) {
    let alice = instance.tenant_with("acme", &["dashboards", "tools"]).await;
    alice.register("tools/custom-dashboards", &["wallboard", "secret"]).await;
    alice.add_profile("Night", "READ").await;
    let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "night" })).await;
    assert_eq!(dana.get("Viewer", json!({})).await["home"], "EMPTY");

    alice.save_sections("night", "dashboards", json!([open("dashboards/general", &["general"])])).await;
    alice.save_sections("night", "tools", json!([open("tools/custom-dashboards", &["wallboard"])])).await;
    let viewer = dana.get("Viewer", json!({})).await;
    assert_eq!(viewer["home"], "GENERAL_DASHBOARD");
    assert_eq!(keys(&viewer["menu"]), ["dashboards"]);
    let sections = &viewer["menu"][0]["sections"];
    assert_eq!(keys(sections), ["dashboards/general", "tools/custom-dashboards"]);
    assert_eq!(keys(&sections[0]["entries"]), ["general"]);
    assert_eq!(keys(&sections[1]["entries"]), ["wallboard"], "what is not associated is no entry");
    assert_eq!(alice.get("User", json!({ "key": "dana" })).await["home"], "GENERAL_DASHBOARD");
}
