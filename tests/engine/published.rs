//! Casbin's own published examples: for each model and policy, the answers that its test suites publish, those of
//! casbin's Enforcer, and ours. Models outside of the family are refused by name. The sources are the examples and
//! tests of casbin-rs 2.20 and of casbin (Go) 3; each table names its tests.

use super::family::{enforcer, line, policy};
use bailiwick::engine::casbin_policy::LineError;
use bailiwick::engine::plan::PlanError;
use bailiwick::engine::{LinePolicy, Plan};

const SOME_ALLOW: &str = "some(where (p.eft == allow))";
const NO_DENY: &str = "!some(where (p.eft == deny))";
const BOTH: &str = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
const PRIORITY: &str = "priority(p.eft) || deny";

/// One published example.
struct Example {
    /// The test that publishes the answers.
    source: &'static str,
    model: String,
    policy: &'static str,
    allowed: &'static [&'static str],
    denied: &'static [&'static str],
}

/// Makes a model of these definitions; no roles without `g`.
fn model(request: &str, policy: &str, roles: &str, effect: &str, matcher: &str) -> String {
    let roles = if roles.is_empty() { String::new() } else { format!("[role_definition]\ng = {roles}\n") };
    format!(
        "[request_definition]\nr = {request}\n[policy_definition]\np = {policy}\n{roles}[policy_effect]\ne = {effect}\n[matchers]\nm = {matcher}\n"
    )
}

const BASIC: &str = "p, alice, data1, read\np, bob, data2, write";
const RBAC: &str = "p, alice, data1, read\np, bob, data2, write\np, data2_admin, data2, read\n\
    p, data2_admin, data2, write\ng, alice, data2_admin";
const DENY: &str = "p, alice, data1, read, allow\np, bob, data2, write, allow\np, data2_admin, data2, read, allow\n\
    p, data2_admin, data2, write, allow\np, alice, data2, write, deny\ng, alice, data2_admin";
const DOMAINS: &str = "p, admin, domain1, data1, read\np, admin, domain1, data1, write\np, admin, domain2, data2, read\n\
    p, admin, domain2, data2, write\ng, alice, admin, domain1\ng, bob, admin, domain2";
const KEY_MATCH: &str = "p, alice, /alice_data/*, GET\np, alice, /alice_data/resource1, POST\n\
    p, bob, /alice_data/resource2, GET\np, bob, /bob_data/*, POST\np, cathy, /cathy_data, (GET)|(POST)";
const PRIORITIES: &str = "p, alice, data1, read, allow\np, data1_deny_group, data1, read, deny\n\
    p, data1_deny_group, data1, write, deny\np, alice, data1, write, allow\ng, alice, data1_deny_group\n\
    p, data2_allow_group, data2, read, allow\np, bob, data2, read, deny\np, bob, data2, write, deny\n\
    g, bob, data2_allow_group";

const EQUALS: &str = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
const ROLES: &str = "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act";
const IN_DOMAIN: &str = "g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act";

fn three(g: &str, e: &str, m: &str) -> String {
    let p = if e == SOME_ALLOW { "sub, obj, act" } else { "sub, obj, act, eft" };
    model("sub, obj, act", p, g, e, m)
}

fn domains() -> String {
    model("sub, dom, obj, act", "sub, dom, obj, act", "_, _, _", SOME_ALLOW, IN_DOMAIN)
}

const ALICE_AND_BOB_DENIED: [&str; 4] =
    ["alice, data1, write", "bob, data1, read", "bob, data1, write", "bob, data2, read"];

/// Returns the models without roles.
fn basic() -> Vec<Example> {
    vec![
        Example {
            source: "casbin-rs default_model.rs test_basic_model; Go TestBasicModel, TestCommentModel",
            model: three("", SOME_ALLOW, EQUALS),
            policy: BASIC,
            allowed: &["alice, data1, read", "bob, data2, write"],
            denied: &[
                "alice, data1, write",
                "alice, data2, read",
                "alice, data2, write",
                "bob, data1, read",
                "bob, data1, write",
                "bob, data2, read",
            ],
        },
        Example {
            source: "Go TestBasicModelWithoutSpaces",
            model: three("", SOME_ALLOW, "r.sub==p.sub&&r.obj==p.obj&&r.act==p.act"),
            policy: BASIC,
            allowed: &["alice, data1, read", "bob, data2, write"],
            denied: &["alice, data1, write", "bob, data2, read"],
        },
        Example {
            source: "casbin-rs default_model.rs test_basic_model_no_policy",
            model: three("", SOME_ALLOW, EQUALS),
            policy: "",
            allowed: &[],
            denied: &["alice, data1, read", "alice, data2, write", "bob, data1, read", "bob, data2, write"],
        },
        Example {
            source: "casbin-rs default_model.rs test_basic_model_without_users",
            model: model("obj, act", "obj, act", "", SOME_ALLOW, "r.obj == p.obj && r.act == p.act"),
            policy: "p, data1, read\np, data2, write",
            allowed: &["data1, read", "data2, write"],
            denied: &["data1, write", "data2, read"],
        },
        Example {
            source: "casbin-rs default_model.rs test_basic_model_without_resources",
            model: model("sub, act", "sub, act", "", SOME_ALLOW, "r.sub == p.sub && r.act == p.act"),
            policy: "p, alice, read\np, bob, write",
            allowed: &["alice, read", "bob, write"],
            denied: &["alice, write", "bob, read"],
        },
        Example {
            source: "casbin-rs enforcer.rs test_not_used_rbac_model_in_memory",
            model: three("_, _", SOME_ALLOW, EQUALS),
            policy: BASIC,
            allowed: &["alice, data1, read", "bob, data2, write"],
            denied: &["alice, data1, write", "alice, data2, read", "alice, data2, write", "bob, data2, read"],
        },
    ]
}

/// Returns the models with roles.
fn roles() -> Vec<Example> {
    vec![
        Example {
            source: "casbin-rs default_model.rs test_rbac_model; Go TestRBACModelInMultiLines",
            model: three("_, _", SOME_ALLOW, "g(r.sub, p.sub) && r.obj == p.obj \\\n && r.act == p.act"),
            policy: RBAC,
            allowed: &["alice, data1, read", "alice, data2, read", "alice, data2, write", "bob, data2, write"],
            denied: &ALICE_AND_BOB_DENIED,
        },
        Example {
            source: "casbin-rs default_model.rs test_rbac_model_with_custom_data",
            model: three("_, _", SOME_ALLOW, ROLES),
            policy: "p, alice, data1, read\np, bob, data2, write\np, data2_admin, data2, read\n\
                p, data2_admin, data2, write\ng, alice, data2_admin\ng, bob, data2_admin, custom_data",
            allowed: &[
                "alice, data1, read",
                "alice, data2, read",
                "alice, data2, write",
                "bob, data2, read",
                "bob, data2, write",
            ],
            denied: &["alice, data1, write", "bob, data1, read", "bob, data1, write"],
        },
        Example {
            source: "casbin-rs enforcer.rs test_rbac_model_in_memory_indeterminate",
            model: three("_, _", SOME_ALLOW, ROLES),
            policy: "p, alice, data1, invalid",
            allowed: &[],
            denied: &["alice, data1, read"],
        },
        Example {
            source: "casbin-rs default_model.rs test_rbac_model_with_domains",
            model: domains(),
            policy: DOMAINS,
            allowed: &[
                "alice, domain1, data1, read",
                "alice, domain1, data1, write",
                "bob, domain2, data2, read",
                "bob, domain2, data2, write",
            ],
            denied: &[
                "alice, domain1, data2, read",
                "alice, domain1, data2, write",
                "bob, domain2, data1, read",
                "bob, domain2, data1, write",
                "alice, domain2, data2, read",
                "alice, domain9, data1, read",
            ],
        },
        Example {
            source: "casbin-rs default_model.rs test_rbac_model_with_domains_runtime, after both removals",
            model: domains(),
            policy: "p, admin, domain2, data2, write\ng, alice, admin, domain1\ng, bob, admin, domain2",
            allowed: &["bob, domain2, data2, write"],
            denied: &["alice, domain1, data1, read", "alice, domain1, data1, write", "bob, domain2, data2, read"],
        },
        Example {
            source: "casbin-rs default_model.rs test_rbac_model_with_deny",
            model: three("_, _", BOTH, ROLES),
            policy: DENY,
            allowed: &["alice, data1, read", "alice, data2, read", "bob, data2, write"],
            denied: &[
                "alice, data1, write",
                "alice, data2, write",
                "bob, data1, read",
                "bob, data1, write",
                "bob, data2, read",
            ],
        },
        Example {
            source: "casbin-rs default_model.rs test_rbac_model_with_not_deny",
            model: three("_, _", NO_DENY, ROLES),
            policy: DENY,
            allowed: &[],
            denied: &["alice, data2, write"],
        },
    ]
}

/// Returns the models with patterns, and those in which the order counts.
fn patterns_and_order() -> Vec<Example> {
    let priority = || three("_, _", PRIORITY, ROLES);
    vec![
        Example {
            source: "Go TestKeyMatchModel; casbin-rs enforcer.rs test_key_match_model_in_memory",
            model: three("", SOME_ALLOW, "r.sub == p.sub && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)"),
            policy: KEY_MATCH,
            allowed: &[
                "alice, /alice_data/resource1, GET",
                "alice, /alice_data/resource1, POST",
                "alice, /alice_data/resource2, GET",
                "bob, /alice_data/resource2, GET",
                "bob, /bob_data/resource1, POST",
                "bob, /bob_data/resource2, POST",
                "cathy, /cathy_data, GET",
                "cathy, /cathy_data, POST",
            ],
            denied: &[
                "alice, /alice_data/resource2, POST",
                "alice, /bob_data/resource1, GET",
                "alice, /bob_data/resource1, POST",
                "alice, /bob_data/resource2, GET",
                "alice, /bob_data/resource2, POST",
                "bob, /alice_data/resource1, GET",
                "bob, /alice_data/resource1, POST",
                "bob, /alice_data/resource2, POST",
                "bob, /bob_data/resource1, GET",
                "bob, /bob_data/resource2, GET",
                "cathy, /cathy_data, DELETE",
            ],
        },
        Example {
            source: "casbin-rs enforcer.rs test_key_match_model_in_memory_deny",
            model: model(
                "sub, obj, act",
                "sub, obj, act",
                "",
                NO_DENY,
                "r.sub == p.sub && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)",
            ),
            policy: KEY_MATCH,
            allowed: &["alice, /alice_data/resource2, POST"],
            denied: &[],
        },
        Example {
            source: "Go TestKeyMatch2Model",
            model: three("", SOME_ALLOW, "r.sub == p.sub && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)"),
            policy: "p, alice, /alice_data/:resource, GET\np, alice, /alice_data2/:id/using/:resId, GET",
            allowed: &["alice, /alice_data/resource1, GET", "alice, /alice_data2/myid/using/res_id, GET"],
            denied: &["alice, /alice_data, GET", "alice, /alice_data2/myid, GET"],
        },
        Example {
            source: "Go TestGlobMatchModel",
            model: three("", SOME_ALLOW, "r.sub == p.sub && r.act == p.act && globMatch(r.obj, p.obj)"),
            policy: "p, u1, /foo/*, read\np, u2, /foo*, read\np, u3, /*/foo/*, read\np, u4, *, read",
            allowed: &[
                "u1, /foo/, read",
                "u1, /foo/subprefix, read",
                "u2, /foosubprefix, read",
                "u3, /prefix/foo/subprefix, read",
                "u3, /prefix/foo/, read",
                "u4, foo, read",
            ],
            denied: &[
                "u1, /foo, read",
                "u1, foo, read",
                "u2, /foo/subprefix, read",
                "u2, foo, read",
                "u3, /prefix/foo, read",
                "u4, /foo, read",
            ],
        },
        Example {
            source: "Go TestPriorityModel; casbin-rs enforcer.rs test_enforce_ex",
            model: priority(),
            policy: PRIORITIES,
            allowed: &["alice, data1, read", "bob, data2, read"],
            denied: &[
                "alice, data1, write",
                "alice, data2, read",
                "alice, data2, write",
                "bob, data1, read",
                "bob, data1, write",
                "bob, data2, write",
            ],
        },
        Example {
            source: "Go TestPriorityModelIndeterminate",
            model: priority(),
            policy: "p, alice, data1, read, indeterminate",
            allowed: &[],
            denied: &["alice, data1, read"],
        },
    ]
}

#[test]
fn published_examples_are_answered_as_published_and_as_casbin_answers() {
    let examples: Vec<Example> = [basic(), roles(), patterns_and_order()].into_iter().flatten().collect();
    let mut answers = 0;
    for Example { source, model, policy: text, allowed, denied } in &examples {
        let lines = policy(text);
        let ours = LinePolicy::new(model, &lines).unwrap_or_else(|error| panic!("{source}: {error}"));
        let casbin = enforcer(model, &lines);
        for (requests, published) in [(allowed, true), (denied, false)] {
            for request in *requests {
                let values = line(request);
                let texts: Vec<&str> = values.iter().map(String::as_str).collect();
                assert_eq!(ours.decide(&texts).unwrap().allowed, published, "{source}: {request}");
                assert_eq!(casbin::CoreApi::enforce(&casbin, values).unwrap(), published, "{source}: {request}");
                answers += 1;
            }
        }
    }
    assert!(answers > 100, "{answers} are too few to be the tables");
}

/// Compares with the results that casbin-rs publishes for `enforce_ex`: the line that decides, if one does.
#[test]
fn the_line_that_decides_is_the_published_one() {
    let ours = LinePolicy::new(&three("_, _", PRIORITY, ROLES), &policy(PRIORITIES)).unwrap();
    for (request, deciding) in [
        (["alice", "data1", "read"], Some("alice, data1, read, allow")),
        (["alice", "data1", "write"], Some("data1_deny_group, data1, write, deny")),
        (["alice", "data2", "read"], None),
        (["bob", "data1", "write"], None),
        (["bob", "data2", "read"], Some("data2_allow_group, data2, read, allow")),
        (["bob", "data2", "write"], Some("bob, data2, write, deny")),
    ] {
        assert_eq!(ours.decide(&request).unwrap().deciding, deciding.map(line), "{request:?}");
    }
}

/// Refuses the published models outside of the family, each with the name of the reason.
#[test]
fn published_models_outside_the_family_are_refused_with_the_term_that_is_the_matter() {
    let unknown = |term: &str| PlanError::UnknownTerm(term.to_owned());
    let unusable = |matcher: &str| PlanError::NoUsableTerm(matcher.to_owned());
    let roots = "r_sub == p_sub && r_obj == p_obj && r_act == p_act || r_sub == \"root\"";
    let listed = "g(r_sub, p_sub) && r_obj == p_obj && r_act == p_act || r_obj in [\"data2\", \"data3\"]";
    let several = |kind: &str| PlanError::SeveralDefinitions(kind.to_owned());
    let two = three("_, _\ng2 = _, _", SOME_ALLOW, "g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act");
    for (source, model, error) in [
        ("abac_model.conf", three("", SOME_ALLOW, "r.sub == r.obj.owner"), unknown("r_sub == r_obj.owner")),
        (
            "abac_rule_model.conf",
            model(
                "sub, obj, act",
                "sub_rule, obj, act",
                "",
                SOME_ALLOW,
                "eval(p.sub_rule) && r.obj == p.obj && r.act == p.act",
            ),
            unknown("eval(p_sub_rule)"),
        ),
        (
            "basic_with_root_model.conf",
            three("", SOME_ALLOW, &format!("{EQUALS} || r.sub == \"root\"")),
            unusable(roots),
        ),
        (
            "rbac_model_matcher_using_in_op.conf",
            three("_, _", SOME_ALLOW, &format!("{ROLES} || r.obj in [\"data2\", \"data3\"]")),
            unknown(listed),
        ),
        ("rbac_with_resource_roles_model.conf", two.clone(), several("g2")),
        ("rbac_with_pattern_model.conf", two.replace("r.act == p.act", "regexMatch(r.act, p.act)"), several("g2")),
        (
            "multi_section_model.conf",
            model(
                "sub, act, obj\nr2 = sub, act",
                "sub, act, obj",
                "_, _",
                SOME_ALLOW,
                "r.sub == p.sub && r.obj == p.obj",
            ),
            several("r2"),
        ),
        (
            "ipmatch_model.conf",
            three("", SOME_ALLOW, "ipMatch(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"),
            unknown("ipMatch(r_sub, p_sub)"),
        ),
        (
            "keymatch_custom_model.conf",
            three("", SOME_ALLOW, "r.sub == p.sub && keyMatchCustom(r.obj, p.obj) && regexMatch(r.act, p.act)"),
            unknown("keyMatchCustom(r_obj, p_obj)"),
        ),
        (
            "rbac_with_domain_pattern_model.conf",
            domains().replace("r.dom == p.dom", "keyMatch(r.dom, p.dom)"),
            PlanError::MissingTerm("domain"),
        ),
        (
            "subject_priority_model.conf",
            three("_, _", "subjectPriority(p.eft) || deny", ROLES),
            PlanError::UnknownEffect("subjectPriority(p_eft) || deny".to_owned()),
        ),
    ] {
        assert_eq!(LinePolicy::new(&model, &[]).err(), Some(LineError::Model(error.clone())), "{source}");
        assert_eq!(Plan::from_model(&model).err(), Some(error), "{source}");
    }
}

#[test]
fn lines_and_requests_that_casbin_would_panic_on_or_ignore_are_refused() {
    let regex = three("", SOME_ALLOW, "r.sub == p.sub && r.obj == p.obj && regexMatch(r.act, p.act)");
    let refused = |model: &str, line: &str| LinePolicy::new(model, &policy(line)).err().map(|error| error.to_string());
    let start = |model: &str, line: &str| refused(model, line).unwrap().split(':').next().unwrap().to_owned();
    assert_eq!(start(&regex, "p, alice, data1, *"), "`*` is not a pattern");
    assert_eq!(start(&regex, "p, alice, data1"), "`alice, data1` has 2 values, and the model defines 3");
    assert_eq!(start(&regex, "g, alice, admin"), "the model does not define lines of type `g`");
    assert_eq!(start(&regex, "p2, alice, data1, read"), "the model does not define lines of type `p2`");
    assert_eq!(start(&domains(), "g, alice, admin"), "`alice, admin` has 2 values, and the model defines 3");
    assert_eq!(refused(&regex, "p, al\u{ed}ce, data1, read"), None);
    let evaluated = three("", SOME_ALLOW, &format!("{EQUALS} && !keyMatch(p.sub, \"a*\")"));
    assert_eq!(start(&evaluated, "p, \u{e9}a, data1, read"), "`\u{e9}a` cannot be a value here");
    assert_eq!(start(&regex, "p, alice, data\u{1f}1, read"), "`data\u{1f}1` cannot be a value here");
    let ours = LinePolicy::new(&regex, &policy(BASIC)).unwrap();
    for request in
        [&["alice", "data1"][..], &["alice", "data1", ""], &["alice", "dat\u{e9}", "read"], &["a\u{1f}", "b", "c"]]
    {
        assert!(ours.decide(request).is_err(), "{request:?}");
    }
}
