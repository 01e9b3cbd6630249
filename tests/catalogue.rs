//! The catalogue, menus and homes, through the API.

use serde_json::{Value, json};

use crate::common::app::{MODULES, on_both};
use crate::common::operations::{automatic, keys, open};

#[tokio::test]
async fn r2_modules_stand_in_the_order_of_the_menu_and_optional_ones_only_with_a_licence() {
    on_both(async |instance| {
        let all = instance.tenant("acme").await.get("Catalogue", json!({})).await;
        let listed = keys(&all["modules"]);
        assert_eq!(listed.iter().filter(|key| *key != "admin").collect::<Vec<_>>(), MODULES.iter().collect::<Vec<_>>());
        assert!(all["modules"].as_array().unwrap().iter().all(|module| module["licensed"] == true));

        let few = instance.tenant_with("globex", &["voice"]).await.get("Catalogue", json!({})).await;
        let listed = keys(&few["modules"]);
        assert!(!listed.contains(&"whatsapp".to_owned()), "{listed:?}");
        let licensed: Vec<_> =
            few["modules"].as_array().unwrap().iter().filter(|one| one["licensed"] == true).collect();
        assert_eq!(keys(&json!(licensed)), ["voice", "admin"], "the platform's own is always licensed");
    })
    .await;
}

#[tokio::test]
async fn sections_and_permissions_say_what_they_are() {
    on_both(async |instance| {
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
    })
    .await;
}

#[tokio::test]
async fn r23_the_menu_holds_what_the_caller_sees_in_the_catalogues_order() {
    on_both(async |instance| {
        let alice = instance.tenant_with("acme", &["staff", "voice", "tools"]).await;
        let menu = alice.get("Viewer", json!({})).await["menu"].clone();
        assert_eq!(keys(&menu), ["dashboards", "staff", "voice", "tools"], "custom dashboards stand under dashboards");
        assert_eq!(keys(&menu[1]["sections"]), ["staff/agents", "staff/telephones", "staff/teams"]);
        assert!(menu[1]["sections"].as_array().unwrap().iter().all(|one| one["canEdit"] == true));

        alice.add_profile("Night", "READ_EDIT").await;
        let hidden = json!({ "section": "voice/contexts", "enabled": true, "visible": false, "association": "MANUAL" });
        alice.save_sections("night", "voice", json!([automatic("voice/queues"), hidden])).await;
        alice.save_sections("night", "staff", json!([open("staff/teams", &[])])).await;
        let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "night" })).await;
        let viewer = dana.get("Viewer", json!({})).await;
        assert_eq!(keys(&viewer["menu"]), ["staff", "voice"]);
        let section = json!({ "key": "voice/queues", "name": "Voice Queues", "canEdit": true, "canDelete": false, "entries": [] });
        assert_eq!(viewer["menu"][1]["sections"], json!([section]), "a hidden section is not in it");
        assert_eq!(viewer["user"]["profile"]["key"], "night", "anyone sees what they hold themselves");
        let seen = alice.get("User", json!({ "key": "dana" })).await;
        assert_eq!(keys(&seen["menu"]), ["staff", "voice"], "an admin sees the same menu");

        let agent = alice.new_user("acme", "ann", "AGENT", json!({})).await;
        assert_eq!(agent.get("Viewer", json!({})).await["menu"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn r22_dashboards_are_entries_of_the_menu_and_the_general_one_is_the_home() {
    on_both(async |instance| {
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
    })
    .await;
}
