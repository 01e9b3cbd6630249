//! Avatars, through the API (R32).

use bailiwick::domain::avatar::{CleanImage, ImageType};
use bailiwick::domain::key::{TenantKey, UserKey};
use bailiwick::domain::name::Timestamp;
use bailiwick::store::avatar::Avatar;
use serde_json::{Value, json};

use crate::common::app::{Client, INSTALLATION, Instance, both};
use crate::common::operations::refusal;
use crate::common::picture::{jpeg, jpeg_of_a_camera, png, png_with_notes, tells_the_place};
use crate::common::upload::{MULTIPART, with_file};

/// Returns the status, the type, and the bytes at this address.
async fn seen(client: &Client, path: &str) -> (u16, String, Vec<u8>) {
    let answer = client.fetch(path, &[]).await;
    let media = answer.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), media, answer.bytes().await.unwrap().to_vec())
}

both!(r32_a_user_sets_sees_replaces_and_removes_its_own_avatar);
async fn r32_a_user_sets_sees_replaces_and_removes_its_own_avatar(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = alice.new_user("acme", "dana", "USER", json!({ "profile": "default" })).await;
    let revision = alice.revision().await;
    assert_eq!(seen(&dana, "/avatars/dana").await.0, 404, "none yet");
    let first = dana.set_avatar(None, &png(1)).await;
    assert!(first.starts_with(&format!("{INSTALLATION}/avatars/dana?v=")), "{first}");
    assert_eq!(seen(&dana, &first).await, (200, "image/png".to_owned(), png(1)));
    let second = dana.set_avatar(Some("dana"), &jpeg(2)).await;
    assert_ne!(second, first, "another picture has another address");
    assert_eq!(seen(&dana, &second).await, (200, "image/jpeg".to_owned(), jpeg(2)));
    assert_eq!(alice.get("User", json!({ "key": "dana" })).await["avatarUrl"], second.as_str());
    assert_eq!(dana.set_avatar(None, &jpeg(2)).await, second, "the same has the same");

    assert_eq!(dana.refuse("UserSetAvatar", json!({})).await, refusal("INVALID", "file"), "absent is no null");
    assert_eq!(seen(&dana, &second).await.0, 200);
    for _ in 0..2 {
        let removed = dana.make("UserSetAvatar", json!({ "file": null })).await;
        assert_eq!(removed["user"]["avatarUrl"], Value::Null);
    }
    assert_eq!(seen(&dana, &second).await.0, 404);
    assert_eq!(alice.revision().await, revision, "no answer hangs on a picture");
}

both!(r32_a_picture_is_served_as_nothing_but_a_picture_and_read_again_only_when_it_changed);
async fn r32_a_picture_is_served_as_nothing_but_a_picture_and_read_again_only_when_it_changed(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let path = alice.set_avatar(None, &png(1)).await;
    let answer = alice.fetch(&path, &[]).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-disposition", "inline; filename=\"avatar\""),
        ("cache-control", "private, no-cache"),
        ("vary", "Authorization, X-Tenant"),
    ] {
        assert_eq!(header(name), value);
    }
    let etag = header("etag");
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = alice.fetch(&path, &[("if-none-match", &known)]).await;
        assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, etag.as_str()));
        assert_eq!(again.bytes().await.unwrap().len(), 0);
    }
    alice.set_avatar(None, &png(2)).await;
    assert_eq!(alice.fetch(&path, &[("if-none-match", &etag)]).await.status().as_u16(), 200);
    let key = alice.make("ApiKeyGenerate", json!({})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(seen(&alice.with_token(&key), &path).await.0, 200, "an API key may what its user may");
}

both!(r32_an_avatar_does_not_tell_where_it_was_taken);
async fn r32_an_avatar_does_not_tell_where_it_was_taken(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for (noted, plain) in [(jpeg_of_a_camera(&jpeg(1), 1), jpeg(1)), (png_with_notes(&png(1), 1), png(1))] {
        let path = alice.set_avatar(None, &noted).await;
        assert!(seen(&alice, &path).await.2 == plain);
    }
    let path = alice.set_avatar(None, &jpeg_of_a_camera(&jpeg(1), 6)).await;
    let (status, _, turned) = seen(&alice, &path).await;
    assert!(status == 200 && !tells_the_place(&turned));
}

both!(r32_an_avatar_that_an_older_version_kept_whole_does_not_tell_where_it_was_taken_either);
async fn r32_an_avatar_that_an_older_version_kept_whole_does_not_tell_where_it_was_taken_either(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let (tenant, user) = (TenantKey::parse("acme").unwrap(), UserKey::parse("alice").unwrap());
    let tenant = instance.policies.get_by_key(&tenant).await.unwrap().unwrap().id;
    let scope = instance.store.scope(tenant);
    for (noted, kind, turned) in [
        (jpeg_of_a_camera(&jpeg(1), 1), ImageType::Jpeg, false),
        (png_with_notes(&png(1), 1), ImageType::Png, false),
        (jpeg_of_a_camera(&jpeg(1), 6), ImageType::Jpeg, true),
    ] {
        let mut tx = instance.store.begin(tenant).await.unwrap().unwrap();
        let old = Avatar { image: noted.clone(), kind, sha256: vec![7; 32], created_at: Timestamp(1) };
        tx.put_avatar(&user, old).await.unwrap();
        tx.commit().await.unwrap();
        let (status, media, shown) = seen(&alice, "/avatars/alice").await;
        assert_eq!((status, media.as_str()), (200, kind.as_ref()));
        assert!(!tells_the_place(&shown) && tells_the_place(&noted));
        let kept = scope.avatar(&user).await.unwrap().unwrap();
        assert!(kept.image == shown && kept.sha256 != [7; 32] && kept.created_at == Timestamp(1));
        assert!(CleanImage::is_clean(kind, &shown), "it is looked at once");
        assert!(seen(&alice, "/avatars/alice").await.2 == shown);
        let plain = if kind == ImageType::Png { png(1) } else { jpeg(1) };
        assert_eq!(shown == plain, !turned);
    }
}

both!(r32_what_is_no_avatar_is_refused_and_changes_nothing);
async fn r32_what_is_no_avatar_is_refused_and_changes_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let path = alice.set_avatar(None, &png(1)).await;
    let large = |size: usize| {
        let mut file = png(2);
        file.resize(size, 0);
        file
    };
    let limit = 8 * 1024 * 1024;
    for (file, code) in [
        (b"GIF89a\x01\x00\x01\x00".to_vec(), "UNSUPPORTED_IMAGE"),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), "UNSUPPORTED_IMAGE"),
        (Vec::new(), "UNSUPPORTED_IMAGE"),
        (jpeg(1)[..200].to_vec(), "UNSUPPORTED_IMAGE"),
        (large(limit + 1), "TOO_LARGE"),
    ] {
        assert_eq!(alice.refuse_avatar(None, &file).await, refusal(code, "file"));
    }
    let (status, answer) = alice.send(MULTIPART, with_file("UserSetAvatar", json!({}), &large(9 << 20))).await;
    assert_eq!((status, &answer["errors"][0]["extensions"]["code"]), (413, &json!("TOO_LARGE")));
    let text = json!({ "input": { "file": "#__graphql_file__:0" } });
    assert_eq!(alice.fail("UserSetAvatar", text).await, "BAD_INPUT");
    assert_eq!(seen(&alice, &path).await.2, png(1));
    alice.set_avatar(None, &large(limit)).await;
}

both!(r32_another_ones_avatar_needs_what_changing_the_user_needs);
async fn r32_another_ones_avatar_needs_what_changing_the_user_needs(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let eddy = alice.new_delegate("acme", "eddy", &[("admin/users", "edit")]).await;
    let rita = alice.new_delegate("acme", "rita", &[("admin/users", "read")]).await;
    alice.add_user("dana", "AGENT", json!({})).await;
    for (caller, code) in [(&rita, "FORBIDDEN"), (&instance.stranger(), "UNAUTHENTICATED")] {
        for user in ["dana", "nobody"] {
            let (_, answer) =
                caller.send(MULTIPART, with_file("UserSetAvatar", json!({ "user": user }), &png(1))).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{user}");
        }
    }
    let payload = eddy.send_avatar(Some("dana"), &png(1)).await;
    assert_eq!(payload, json!({ "user": { "key": "dana", "avatarUrl": null }, "userErrors": [] }), "it may not see");
    assert_eq!(seen(&rita, "/avatars/dana").await.2, png(1));
    let beyond = refusal("BEYOND_OWN_RIGHTS", "");
    assert_eq!(eddy.refuse_avatar(Some("alice"), &png(1)).await, beyond, "R35b: an admin is an admin's");
    assert_eq!(eddy.refuse("UserSetAvatar", json!({ "user": "alice", "file": null })).await, beyond);
    for wrong in ["nobody", "alice@acme"] {
        let refused = alice.refuse_avatar(Some(wrong), &png(1)).await;
        assert_eq!(refused.1, "user", "{refused:?}");
    }
    eddy.set_avatar(None, &png(3)).await;
    alice.set_avatar(Some("eddy"), &png(4)).await;
    assert_eq!(seen(&eddy, "/avatars/eddy").await.2, png(4));
}

both!(r32_whoever_may_not_see_an_avatar_finds_nothing_there);
async fn r32_whoever_may_not_see_an_avatar_finds_nothing_there(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let globex = instance.tenant("globex").await;
    let dana = alice.new_user("acme", "dana", "AGENT", json!({})).await;
    alice.add_user("eve", "AGENT", json!({})).await;
    alice.set_avatar(Some("dana"), &png(1)).await;
    alice.set_avatar(None, &png(2)).await;
    globex.add_user("dana", "AGENT", json!({})).await;
    let nothing = async |client: &Client, key: &str| {
        let answer = client.fetch(&format!("/avatars/{key}"), &[("if-none-match", "*")]).await;
        assert_eq!(answer.status().as_u16(), 404, "{key}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "NOT_FOUND");
        assert_eq!(body["errors"][0]["message"], format!("there is nothing at `/avatars/{key}`"));
    };
    nothing(&dana, "alice").await;
    for key in ["eve", "nobody", "No-Key", "dana%00", "a%2Fb"] {
        nothing(&alice, key).await;
        nothing(&dana, key).await;
    }
    nothing(&globex, "dana").await;
    assert_eq!(seen(&dana, "/avatars/dana").await.0, 200);
    for (client, path) in [(instance.stranger(), "/avatars/dana"), (alice.with_token("bws_wrong"), "/avatars/nobody")] {
        let answer = client.fetch(path, &[]).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
    }
}

both!(r32_an_operator_sees_and_sets_avatars_where_it_visits_and_has_its_own_at_home);
async fn r32_an_operator_sees_and_sets_avatars_where_it_visits_and_has_its_own_at_home(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("operator", "AGENT", json!({})).await;
    let operator = instance.operator().await;
    operator.set_avatar(None, &png(1)).await;
    let visitor = operator.in_tenant("acme");
    assert_eq!(visitor.refuse_avatar(None, &png(2)).await, refusal("INVALID", "user"));
    assert_eq!(seen(&visitor, "/avatars/operator").await.0, 404, "the one of the same name has none");
    visitor.set_avatar(Some("operator"), &png(3)).await;
    assert_eq!(seen(&visitor, "/avatars/operator").await.2, png(3));
    assert_eq!(seen(&operator, "/avatars/operator").await.2, png(1));
}

both!(r32_an_avatar_is_audited_and_goes_with_its_user);
async fn r32_an_avatar_is_audited_and_goes_with_its_user(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.add_user("dana", "AGENT", json!({})).await;
    let path = alice.set_avatar(Some("dana"), &png(1)).await;
    let set = instance.audited("acme", "avatar.set").await;
    assert_eq!((set.len(), set[0].actor.key.as_str(), set[0].target.as_str()), (1, "alice", "user:dana"));
    let digest = set[0].after.as_ref().unwrap()["avatar"].as_str().unwrap();
    assert!(digest.len() == 64 && digest.starts_with(path.rsplit('=').next().unwrap()), "{digest} {path}");
    alice.make("UserSetAvatar", json!({ "user": "dana", "file": null })).await;
    alice.make("UserSetAvatar", json!({ "user": "dana", "file": null })).await;
    assert_eq!(instance.audited("acme", "avatar.remove").await.len(), 1, "removing nothing is nothing");
    alice.set_avatar(Some("dana"), &png(1)).await;
    alice.make("UserDelete", json!({ "key": "dana" })).await;
    assert_eq!(seen(&alice, &path).await.0, 404);
    let again = alice.add_user("dana", "AGENT", json!({})).await;
    assert_eq!(again["avatarUrl"], Value::Null);
    assert_eq!(seen(&alice, &path).await.0, 404);
}
