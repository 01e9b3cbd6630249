//! `policy …`: the rules now and earlier, verified, and imported.

use bailiwick::demo::PASSWORD;
use serde_json::{Value, json};

use super::program::Place;
use super::{OPERATOR, assert_refused, create_tenant, json_of, sign_in};
use crate::common::app::Database;
use crate::common::tables::Tables;

#[tokio::test]
async fn the_past_is_listed_compared_and_brought_back() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let server = place.serve();
    let key = sign_in(&server, "demo", "alice", PASSWORD).await;
    let client = Place::new().with("BAILIWICK_SERVER", &server.url).with("BAILIWICK_API_KEY", &key);
    let both = |arguments: &[&str]| {
        let direct = place.run(&[arguments, &["--tenant", "demo"]].concat());
        let remote = client.run(arguments);
        assert_eq!((direct.code, &direct.out), (0, &remote.out), "{direct:?}\n{remote:?}");
        direct.out
    };
    let list = both(&["policy", "history", "--limit", "2"]);
    let newest: u64 = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert!(list.starts_with("REVISION  AT") && list.lines().count() == 3, "{list}");
    let (newest, last) = (newest.to_string(), (newest - 1).to_string());
    let csv = both(&["policy", "export"]);
    assert!(csv.lines().all(|line| line.starts_with("p, ") || line.starts_with("g, ")) && csv.lines().count() > 500);
    assert_eq!(both(&["policy", "export", "--revision", &newest]), csv);
    assert_eq!(json_of(&place.run(&["policy", "export", "--tenant", "demo", "--json"]))["csv"], csv);
    let diff = both(&["policy", "diff", "0", &newest, "--all"]);
    assert_eq!(
        diff.lines().filter(|line| line.starts_with("+ p, ") || line.starts_with("+ g, ")).count(),
        csv.lines().count()
    );
    assert!(
        diff.contains(" users: ") && diff.contains("+ alice ") && diff.contains("not all of it is listed"),
        "{diff}"
    );
    both(&["policy", "diff", &last, &newest]);
    let licence = place.run(&["tenant", "licence", "demo", "--modules", "staff", "--dry-run"]);
    assert!(licence.code == 0 && licence.out.contains("- alice ") && licence.out.contains(" 0 gained"), "{licence:?}");
    let dry = both(&["policy", "restore", "40", "--dry-run"]);
    assert!(dry.contains("- ") && dry.contains(" users: "), "{dry}");
    assert_eq!(both(&["policy", "export"]), csv, "a dry run changes nothing");
    let back = client.run(&["policy", "restore", "40", "--reason", "as it was"]);
    assert!(back.code == 0 && back.out.starts_with("the policy is as it was at revision 40, in revision "), "{back:?}");
    assert_ne!(both(&["policy", "export"]), csv);
    assert!(both(&["policy", "history", "--limit", "1"]).contains("as it was"));
    for (arguments, said) in [
        (&["policy", "export", "--revision", "9999"][..], &["`9999`", "(revision)", "[NOT_FOUND]"][..]),
        (&["policy", "diff", "1", "9999"], &["`9999`", "(to)", "[NOT_FOUND]"]),
        (&["policy", "restore", "9999"], &["`9999`", "(revision)", "[NOT_FOUND]"]),
        (&["policy", "restore", "0"], &["`0`", "(revision)", "[NOT_FOUND]"]),
        (&["policy", "diff", "one", "2"], &["'<FROM>'"]),
    ] {
        assert_refused(&client.run(arguments), said);
    }
}

#[tokio::test]
async fn r44_rules_are_verified_and_what_differs_is_named() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let verify = |arguments: &[&str]| place.run(&[&["policy", "verify"], arguments].concat());
    let clean = verify(&[]);
    assert_eq!((clean.code, clean.err.as_str()), (0, ""), "{clean:?}");
    let lines: Vec<&str> = clean.out.lines().collect();
    assert_eq!(lines.len(), 4, "{clean:?}");
    for (line, tenant) in lines.iter().zip(["acme", "demo", "platform"]) {
        assert!(line.starts_with(&format!("{tenant}: clean at revision ")), "{line}");
    }
    assert_eq!(lines[3], "3 tenants, 0 with differences");

    let url = format!("sqlite://{}", place.path().join("bailiwick.db").display());
    let tables = Tables::of(&Database::at(url)).await;
    tables.run("DELETE FROM casbin_rule WHERE v0 = 'user:ada' AND v1 = 'role:admin'").await;
    let rule = "g, user:ada, role:admin, acme";
    let named = verify(&["--tenant", "acme"]);
    assert_eq!(named.code, 1, "{named:?}");
    for line in ["acme: 3 differences at revision 1", "  missing in the stored rules: ", "  missing in the snapshot: "]
    {
        assert!(named.out.contains(line) && named.out.contains(rule), "{named:?}");
    }
    let all = verify(&[]);
    assert!(all.code == 1 && all.out.ends_with("3 tenants, 1 with differences\n"), "{all:?}");
    let programs = json_of(&verify(&["--tenant", "acme", "--json"]));
    assert_eq!((&programs["tenant"], &programs["revision"]), (&json!("acme"), &json!(1)));
    let missing = json!({ "place": "stored rules", "kind": "missing", "what": rule });
    assert_eq!(programs["differences"][0], missing);
    let others = verify(&["--tenant", "demo", "--tenant", "platform", "--json"]);
    assert_eq!(others.code, 0, "{others:?}");
    for line in others.out.lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["differences"], json!([]));
    }
    let unknown = verify(&["--tenant", "nowhere"]);
    assert_refused(&unknown, &["`nowhere`", "(tenant)", "[NOT_FOUND]"]);
    assert_refused(&verify(&["--tenant", "no/where"]), &["'--tenant <TENANT>'", "[INVALID]"]);
}

#[tokio::test]
async fn an_instance_that_holds_something_else_than_what_is_stored_is_named() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let server = place.serve();
    let key = sign_in(&server, "platform", "operator", OPERATOR).await;
    let (place, url) = (place.with("BAILIWICK_API_KEY", &key), server.url.clone());
    let verify = |more: &[&str]| place.run(&[&["policy", "verify", "--instances", &url], more].concat());
    let clean = verify(&[]);
    assert_eq!(clean.code, 0, "{clean:?}");
    assert!(clean.out.lines().count() == 3 && clean.out.contains("demo: clean at revision "), "{clean:?}");

    // No other program writes this table: the instance does not notice the deletion, and is named.
    let tables = Tables::of(&Database::at(format!("sqlite://{}", place.path().join("bailiwick.db").display()))).await;
    tables.run("DELETE FROM casbin_rule WHERE v0 = 'user:alice' AND v1 = 'role:admin'").await;
    let named = verify(&["--tenant", "demo"]);
    assert_eq!(named.code, 1, "{named:?}");
    assert!(named.out.contains(&format!("  wrong in the memory: {url}")), "{named:?}");

    let away = place.run(&["policy", "verify", "--instances", "http://127.0.0.1:1"]);
    assert!(away.code == 2 && away.err.contains("http://127.0.0.1:1"), "{away:?}");
    let wrong = place.with("BAILIWICK_API_KEY", "bwk_wrong").run(&["policy", "verify", "--instances", &url]);
    assert!(wrong.code == 2 && wrong.err.contains("[UNAUTHENTICATED]"), "{wrong:?}");
}

#[tokio::test]
async fn asking_instances_needs_a_credential() {
    let place = Place::new();
    assert_eq!(place.run(&["migrate"]).code, 0);
    let refused = place.run(&["policy", "verify", "--instances", "http://127.0.0.1:1"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("BAILIWICK_API_KEY"), "{refused:?}");
}

const POLICY: &str = "\
p, night desk, voice/queues/*, show
p, night desk, demo, voice/queues/sales, delete, allow
g, dana, night desk
";

#[tokio::test]
async fn a_policy_from_elsewhere_is_tried_and_brought_in_and_its_bad_lines_are_named() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let server = place.serve();
    let key = sign_in(&server, "demo", "alice", PASSWORD).await;
    let client = Place::new().with("BAILIWICK_SERVER", &server.url).with("BAILIWICK_API_KEY", &key);
    let bad = "p, x\ng, dana, night desk, elsewhere\n";
    let both = |file: &str, text: &str, more: &[&str]| {
        let [direct, remote] = [(&place, &["--tenant", "demo"][..]), (&client, &[])].map(|(at, tenant)| {
            std::fs::write(at.path().join(file), text).unwrap();
            at.run(&[&["policy", "import", file], tenant, more].concat())
        });
        assert_eq!((direct.code, &direct.out, &direct.err), (remote.code, &remote.out, &remote.err));
        direct
    };
    let tried = both("policy.csv", POLICY, &["--dry-run"]);
    assert!(tried.code == 0 && tried.out.contains("+ dana show, delete on voice/queues/sales\n"), "{tried:?}");
    assert!(tried.out.ends_with("would make roles: 1, grants: 2, groups: 1, members: 1\n"), "{tried:?}");
    let refused = both("bad.csv", &format!("{POLICY}{bad}"), &[]);
    assert_refused(
        &refused,
        &["line 4, column 1: ", "line 5, column 4: ", "2 bad lines: nothing was imported", "(file)"],
    );
    let decide = ["decide", "dana", "delete", "voice/queues/sales"];
    assert_eq!(client.run(&decide).code, 1, "nothing has changed");

    let done = client.run_with_input(&["policy", "import", "-", "--reason", "we move in"], POLICY);
    assert!(done.code == 0 && done.out.starts_with("made roles: 1, grants: 2, groups: 1, members: 1; "), "{done:?}");
    assert_eq!(client.run(&decide).code, 0);
    let again = both("policy.csv", POLICY, &[]);
    assert!(again.out.starts_with("made roles: 0, grants: 0, groups: 0, members: 0; "), "{again:?}");
    let json = both("policy.csv", POLICY, &["--json", "--dry-run"]);
    assert_eq!(json_of(&json)["impact"]["affectedUsers"], 0);

    let direct = |input: &[u8]| {
        std::fs::write(place.path().join("odd.csv"), input).unwrap();
        place.run(&["policy", "import", "--tenant", "demo", "odd.csv"])
    };
    assert_refused(&direct(b"p, desk, crm, read\np, \xff, crm, read\n"), &["line 2 is not UTF-8", "(file)"]);
    // A million lines are read no further than a file may be large.
    let million = "p, desk, crm/deals, read\n".repeat(1_000_000);
    assert_refused(&direct(million.as_bytes()), &["at most 16 MiB", "[TOO_LARGE]"]);
    let short = "p,a,b,c\n".repeat(1_000_000);
    assert_refused(&direct(short.as_bytes()), &["at most 100000 rules", "[TOO_LARGE]"]);
    assert_refused(&place.run(&["policy", "import", "--tenant", "demo", "gone.csv"]), &["gone.csv", "(file)"]);
}

#[tokio::test]
async fn a_policy_of_many_domains_goes_into_the_tenant_of_each_and_one_that_is_missing_is_made() {
    let file = "p, clerk, acme, /papers, GET\ng, ada, clerk, acme\np, clerk, globex, /plans, (GET)|(POST)\ng, zoe, clerk, globex\n";
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR).with_file("policy.csv", file);
    assert_eq!(place.run(&["migrate"]).code, 0);
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let all = ["policy", "import", "policy.csv", "--all-domains", "--under", "shop"];
    let admin = ["--admin", "alice", "--email", "alice@globex.example", "--absent-as-roles"];
    assert_refused(&place.run(&all), &["there is no tenant `globex`", "--admin", "[NOT_FOUND]"]);
    let tried = place.run(&[&all[..], &admin, &["--dry-run"]].concat());
    assert!(tried.code == 0 && tried.out.contains("globex: the tenant would be made"), "{tried:?}");
    assert!(tried.out.contains("acme: ") && tried.out.contains("would make roles: 1, grants: 1"), "{tried:?}");
    let made = place.run_with_input(&[&all[..], &admin].concat(), "Long-Enough-77\n");
    assert!(made.code == 0, "{made:?}");
    assert!(
        made.out.contains("acme: made roles: 1, grants: 1, groups: 1, members: 1, lines of other domains: 2"),
        "{made:?}"
    );
    assert!(made.out.contains("globex: made roles: 2, grants: 2, groups: 1, members: 0"), "{made:?}");
    let decided = |tenant: &str, action: &str, object: &str| {
        place.run(&["decide", "--tenant", tenant, "ada", action, object]).code
    };
    assert_eq!((decided("acme", "GET", "shop/papers"), decided("acme", "POST", "shop/papers")), (0, 1));
    assert_refused(
        &place.run(&["policy", "import", "policy.csv", "--all-domains", "--domain", "acme"]),
        &["cannot be used with"],
    );
    let odd = place.with_file("policy.csv", "p, clerk, Not A Key, papers, read\n");
    assert_refused(
        &odd.run(&["policy", "import", "policy.csv", "--all-domains"]),
        &["`Not A Key`", "--domain", "[INVALID]"],
    );
    let model = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act, eft\n[policy_effect]\n\
                 e = priority(p.eft) || deny\n[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act\n";
    let first = odd.with_file("policy.csv", "p, clerk, papers, read\n").with_file("model.conf", model);
    let refused = first.run(&["policy", "import", "--tenant", "acme", "policy.csv", "--model", "model.conf"]);
    assert_refused(&refused, &["line 1, column 1", "4 values behind it", "[INVALID]"]);
}

#[test]
fn what_only_the_old_program_knows_is_told_beside_its_policy() {
    let model = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, act\np2 = sub, obj, act\n\
                 [role_definition]\ng = _, _\ng2 = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\n\
                 m = r.sub == p.sub && r.act == p.act\nm2 = g(r.sub, p2.sub) && g2(r.obj, p2.obj) && r.act == p2.act\n";
    let lines = "p, keeper, read\np2, keeper, books, read\ng2, /books/:id, books\n";
    let place = Place::new()
        .with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR)
        .with_file("policy.csv", lines)
        .with_file("model.conf", model)
        .with_file("objects.txt", "/books/1\n\n/books/2\n/pens/1\n");
    assert_eq!(place.run(&["migrate"]).code, 0);
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let all =
        ["policy", "import", "--tenant", "acme", "policy.csv", "--model", "model.conf", "--under", "shop", "--dry-run"];
    let told = ["--policy-type", "p2", "--objects", "objects.txt", "--role-patterns", "g2=keyMatch2"];
    let tried = place.run(&[&all[..], &told].concat());
    assert!(tried.code == 0 && tried.out.contains("would make roles: 1, grants: 3"), "{tried:?}");
    assert_refused(&place.run(&[&all[..], &told[..2]].concat()), &["line 3, column 2", "rolePatterns", "[INVALID]"]);
    assert_refused(
        &place.run(&[&all[..], &["--domain-patterns", "g2=ownMatch"]].concat()),
        &["the functions are keyMatch"],
    );
    assert_refused(&place.run(&[&all[..], &["--objects", "gone.txt"]].concat()), &["gone.txt", "(objects)"]);
}
