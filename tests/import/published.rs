//! The forms of the policies that Casbin itself publishes (`examples/` of `apache/casbin` and of
//! `casbin/casbin-rs`), and of some from the field, in words of our own. Each is brought in and decided
//! as casbin's Enforcer decides it over the same file, or refused where it says what cannot be held here.

use std::collections::BTreeSet;

use casbin::{CoreApi as _, DefaultModel, Enforcer, FileAdapter};
use serde_json::{Value, json};

use crate::common::app::{Client, on_both};
use crate::common::operations::merged;

/// The users of every tenant here. Whatever else a file names is a role of it.
const USERS: [&str; 3] = ["ann", "ben", "cy"];

const ALLOW: &str = "some(where (p.eft == allow))";
const DENY_WINS: &str = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
const FIRST_WINS: &str = "priority(p.eft) || deny";
const PLAIN: &str = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
const RBAC: &str = "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act";
const DOMAINS: &str = "g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act";

/// A model of these definitions.
fn model(request: &str, policy: &str, roles: &str, effect: &str, matcher: &str) -> String {
    let roles = if roles.is_empty() { String::new() } else { format!("[role_definition]\n{roles}\n") };
    format!(
        "[request_definition]\nr = {request}\n[policy_definition]\np = {policy}\n{roles}[policy_effect]\ne = {effect}\n\
         [matchers]\nm = {matcher}\n"
    )
}

/// A model in the usual order of columns.
fn usual(roles: &str, effect: &str, matcher: &str) -> String {
    let policy = if effect == ALLOW { "sub, obj, act" } else { "sub, obj, act, eft" };
    model("sub, obj, act", policy, roles, effect, matcher)
}

fn domains() -> String {
    model("sub, dom, obj, act", "sub, dom, obj, act", "g = _, _, _", ALLOW, DOMAINS)
}

/// The expected result of importing a file.
enum Becomes {
    /// It is brought in, and all requests of these objects and actions are decided as by casbin.
    Alike(&'static [&'static str], &'static [&'static str]),
    /// These lines are refused, each at a column, and nothing is made.
    Refused(&'static [(u64, u64)]),
    /// Its model is refused, with words that name what is the matter.
    Model(&'static str),
}
use Becomes::{Alike, Model, Refused};

struct Published {
    /// The file whose form it is.
    source: &'static str,
    model: String,
    policy: &'static str,
    domain: Option<&'static str>,
    becomes: Becomes,
}

fn row(source: &'static str, model: String, policy: &'static str, becomes: Becomes) -> Published {
    Published { source, model, policy, domain: None, becomes }
}

fn of_domain(
    source: &'static str,
    model: String,
    domain: &'static str,
    policy: &'static str,
    becomes: Becomes,
) -> Published {
    Published { source, model, policy, domain: Some(domain), becomes }
}

const ACTS: &[&str] = &["read", "write", "sign"];
const PAPERS: &[&str] = &["papers", "plans", "maps"];
const RBAC_LINES: &str =
    "p, ann, papers, read\np, ben, plans, write\np, planner, plans, read\np, planner, plans, write\ng, ann, planner\n";
const HTTP: &[&str] = &["GET", "POST", "PUT"];
const ROUTES_LINES: &str = "p, ann, /ann/*, GET\np, ann, /ann/one, POST\np, ben, /ann/two, GET\np, ben, /ben/*, POST\np, cy, /cy, (GET)|(POST)\n";
const ROUTES: &[&str] = &["/ann/one", "/ann/two", "/ann/two/three", "/ben/one", "/cy", "/cy/one", "/ann"];
const DOMAIN_LINES: &str = "p, keeper, north, papers, read\np, keeper, north, papers, write\np, keeper, south, plans, read\np, user, east, plans, write\ng, ann, keeper, north\ng, ann, keeper, south\ng, ben, keeper, south\ng, ben, user, east\n";
const FIRST_LINES: &str = "p, ann, papers, read, allow\np, barred, papers, read, deny\np, barred, papers, write, deny\np, ann, papers, write, allow\ng, ann, barred\n";

/// The files that are brought in.
fn alike() -> Vec<Published> {
    let rbac = || usual("g = _, _", ALLOW, RBAC);
    let routes = "r.sub == p.sub && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)";
    let domain = |it| of_domain("rbac_with_domains_policy2.csv", domains(), it, DOMAIN_LINES, Alike(PAPERS, ACTS));
    vec![
        row(
            "basic_policy.csv",
            usual("", ALLOW, PLAIN),
            "p, ann, papers, read\np, ben, plans, write\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "basic_inverse_policy.csv",
            usual("", ALLOW, PLAIN),
            "p, ann, papers, write\np, ben, plans, read\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "basic_model_without_spaces.conf",
            usual("", ALLOW, PLAIN).replace(", ", ","),
            "p,ann,papers,read\n",
            Alike(PAPERS, ACTS),
        ),
        row("keymatch_policy.csv", usual("", ALLOW, routes), ROUTES_LINES, Alike(ROUTES, HTTP)),
        row("rbac_policy.csv", rbac(), RBAC_LINES, Alike(PAPERS, ACTS)),
        row(
            "rbac_model_in_multi_line.conf",
            rbac().replace(" && r.act", " \\\n && r.act"),
            RBAC_LINES,
            Alike(PAPERS, ACTS),
        ),
        row(
            "rbac_with_deny_policy.csv",
            usual("g = _, _", DENY_WINS, RBAC),
            "p, ann, papers, read, allow\np, planner, plans, read, allow\np, planner, plans, write, allow\np, ann, plans, write, deny\ng, ann, planner\ng, ben, planner\n",
            Alike(PAPERS, ACTS),
        ),
        of_domain(
            "rbac_with_domains_policy.csv",
            domains(),
            "north",
            "p, keeper, north, papers, read\np, keeper, south, plans, read\ng, ann, keeper, north\ng, ben, keeper, south\n",
            Alike(PAPERS, ACTS),
        ),
        domain("north"),
        domain("south"),
        domain("east"),
        row(
            "rbac_with_hierarchy_policy.csv",
            rbac(),
            "p, ann, papers, read\np, ben, plans, write\np, filer, papers, write\np, planner, plans, read\ng, ann, chief\ng, chief, filer\ng, chief, planner\n",
            Alike(PAPERS, ACTS),
        ),
        of_domain(
            "rbac_with_hierarchy_with_domains_policy.csv",
            domains(),
            "north",
            "p, role:reader, north, papers, read\np, role:writer, north, papers, write\np, ann, north, plans, read\np, ann, south, plans, read\ng, role:chief, role:reader, north\ng, role:chief, role:writer, north\ng, ann, role:chief, north\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "rbac_with_resource_roles_policy.csv",
            usual("g = _, _\ng2 = _, _", ALLOW, "g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act"),
            "p, ann, papers, read\np, ben, plans, write\np, keeper, shelf, write\ng, ann, keeper\ng2, papers, shelf\ng2, plans, drawer\ng2, drawer, shelf\n",
            Alike(&["papers", "plans", "shelf", "drawer", "maps"], ACTS),
        ),
        // From the field.
        row(
            "priority_policy.csv, of allowances alone",
            usual("g = _, _", FIRST_WINS, RBAC),
            "p, ann, papers, read, allow\np, planner, plans, write, allow\ng, ben, planner\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "columns in another order",
            model(
                "sub, act, obj",
                "role, act, thing, note",
                "g = _, _",
                ALLOW,
                "g(r.sub, p.role) && r.obj == p.thing && (r.act == p.act || p.act == \"*\")",
            ),
            "p, planner, *, plans, of old\np, ann, sign, papers, by law\ng, ben, planner\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "routes with all of them for some",
            usual(
                "g = _, _",
                ALLOW,
                "g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && (regexMatch(r.act, p.act) || p.act == \"*\")",
            ),
            "p, chief, /*, (GET|POST|PUT)\np, clerk, /ann/*, ^GET$\np, clerk, /cy, P\ng, ann, chief\ng, ben, clerk\n",
            Alike(ROUTES, HTTP),
        ),
        row(
            "a star for every object",
            usual("g = _, _", ALLOW, "g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && (r.act == p.act || p.act == \"*\")"),
            "p, chief, *, *\np, clerk, /ann/*, GET\ng, ann, chief\ng, cy, clerk\n",
            Alike(ROUTES, HTTP),
        ),
        row(
            "actions and objects with odd letters",
            usual("g = _, _", ALLOW, RBAC),
            "p, clerk, my papers, papers:read\np, clerk, my papers, Sign.It\ng, ann, clerk\n",
            Alike(&["my papers", "papers"], &["papers:read", "Sign.It", "sign.it"]),
        ),
    ]
}

/// The files of which lines are refused.
fn refused() -> Vec<Published> {
    let rbac = || usual("g = _, _", ALLOW, RBAC);
    let first = |policy, p: &str| model("sub, obj, act", p, "g = _, _", FIRST_WINS, policy);
    let patterns = "g(r.sub, p.sub) && g2(r.obj, p.obj) && regexMatch(r.act, p.act)";
    let of_objects = || usual("g = _, _\ng2 = _, _", ALLOW, patterns);
    vec![
        row(
            "glob_policy.csv",
            usual("", ALLOW, "r.sub == p.sub && globMatch(r.obj, p.obj) && r.act == p.act"),
            "p, ann, /shop/*, read\np, ben, /shop*, read\np, cy, /*/shop/*, read\np, ann, *, read\n",
            Refused(&[(1, 3), (2, 3), (3, 3), (4, 3)]),
        ),
        row(
            "keymatch2_policy.csv",
            usual("", ALLOW, "r.sub == p.sub && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)"),
            "p, ann, /ann/:one, GET\np, ann, /ann/:one/using/:other, GET\n",
            Refused(&[(1, 3), (2, 3)]),
        ),
        row(
            "multiple_policy_definitions_policy.csv",
            rbac().replace("[role", "p2 = rule, obj, act, eft\n[role"),
            "p, planner, plans, read\np2, r2.sub.Age > 18, /papers, read, allow\np2, r2.sub.Age > 60, /papers, read, deny\ng, ann, planner\n",
            Refused(&[(2, 1), (3, 1)]),
        ),
        row(
            "performance/rbac_with_pattern_large_scale_policy.csv",
            usual("g = _, _", ALLOW, "g(r.sub, p.sub) && keyMatch4(r.obj, p.obj) && regexMatch(r.act, p.act)"),
            "p, staff, /houses/{house}/rooms/{room}, App1.Part1.Action1\ng, ann, staff\n",
            Refused(&[(1, 4)]),
        ),
        row(
            "priority_indeterminate_policy.csv",
            usual("g = _, _", FIRST_WINS, RBAC),
            "p, ann, papers, read, unsure\n",
            Refused(&[(1, 5)]),
        ),
        row("priority_policy.csv", usual("g = _, _", FIRST_WINS, RBAC), FIRST_LINES, Refused(&[(2, 5), (3, 5)])),
        row(
            "priority_policy_enforce_context.csv",
            usual("g = _, _", FIRST_WINS, RBAC)
                .replace("[policy_d", "r2 = sub, obj\n[policy_d")
                .replace("\nm = ", "\nm2 = g(r2.sub, p.sub)\nm = "),
            FIRST_LINES,
            Refused(&[(2, 5), (3, 5)]),
        ),
        row(
            "priority_policy_explicit.csv",
            first(RBAC, "priority, sub, obj, act, eft"),
            "p, 10, barred, papers, read, deny\np, 1, ann, papers, write, allow\ng, ann, barred\n",
            Refused(&[(1, 6)]),
        ),
        row(
            "priority_policy_explicit_customized.csv",
            first("g(r.sub, p.subject) && r.obj == p.obj && r.act == p.act", "rank, obj, act, eft, subject"),
            "p, 10, papers, read, deny, barred\np, 1, papers, write, allow, ann\ng, ann, barred\n",
            Refused(&[(1, 5)]),
        ),
        row(
            "subject_priority_policy.csv",
            usual("g = _, _", "subjectPriority(p.eft) || deny", RBAC),
            "p, staff, papers, read, deny\np, ann, papers, read, allow\ng, clerk, staff\ng, ann, clerk\n",
            Refused(&[(1, 5)]),
        ),
        of_domain(
            "subject_priority_policy_with_domain.csv",
            model(
                "sub, obj, dom, act",
                "sub, obj, dom, act, eft",
                "g = _, _, _",
                "subjectPriority(p.eft) || deny",
                DOMAINS,
            ),
            "north",
            "p, staff, papers, north, write, deny\np, ann, papers, north, write, allow\ng, ann, staff, north\n",
            Refused(&[(1, 6)]),
        ),
        row(
            "rbac_with_cycle_policy.csv",
            rbac(),
            "p, ann, papers, read\np, planner, plans, read\ng, ann, planner\ng, planner, chief\ng, chief, ann\n",
            Refused(&[(1, 2), (3, 2), (5, 3)]),
        ),
        of_domain(
            "rbac_with_domain_pattern_policy.csv",
            domains(),
            "north",
            "p, keeper, north, papers, read\np, keeper, *, plans, read\ng, ann, keeper, *\ng, ben, keeper, south\n",
            Refused(&[(2, 3), (3, 4)]),
        ),
        of_domain(
            "rbac_with_pattern_domain_policy.csv (casbin-rs)",
            model(
                "sub, dom, obj, act",
                "sub, dom, obj, act",
                "g = _, _, _",
                ALLOW,
                &DOMAINS.replace("r.act == p.act", "regexMatch(r.act, p.act)"),
            ),
            "north",
            "p, keeper, north, papers, read\ng, ann, keeper, *\n",
            Refused(&[(2, 4)]),
        ),
        row(
            "rbac_with_multiple_policy_policy.csv",
            model(
                "user, thing, action",
                "role, thing, action",
                "g = _, _\ng2 = _, _",
                ALLOW,
                "g(r.user, p.role) && r.thing == p.thing && r.action == p.action",
            ),
            "p, clerk, /papers, GET\np2, clerk, view\ng, ann, clerk\ng2, ann, clerk\n",
            Refused(&[(2, 1), (4, 1)]),
        ),
        row(
            "rbac_with_pattern_policy.csv",
            of_objects(),
            "p, ann, /pens/1, GET\np, keeper, books, GET\np, *, pens, GET\ng, ann, keeper\ng2, /books/*, books\ng2, /books/:id, books\ng2, /more/{id}, books\n",
            Refused(&[(3, 2), (5, 2), (6, 2), (7, 2)]),
        ),
        row(
            "rbac_with_pattern_policy.csv (casbin-rs)",
            of_objects(),
            "p, keeper, books, GET\ng, ann, keeper\ng2, /books/:id, books\n",
            Refused(&[(3, 2)]),
        ),
        row(
            "rbac_basic_role_policy.csv (casbin-rs)",
            usual("g = _, _", ALLOW, "g(r.sub, p.sub) && r.obj == p.obj && regexMatch(r.act, p.act)"),
            "p, keeper, /books/1, GET\n\ng, *, keeper\n",
            Refused(&[(3, 2)]),
        ),
        row("error/error_policy.csv", rbac(), "p, ann, papers, read\nben, plans, write\n", Refused(&[(2, 1)])),
    ]
}

/// The files whose models decide by something that cannot be held here.
fn of_other_models() -> Vec<Published> {
    let sub_obj_act = "sub, obj, act";
    let deny = usual("g = _, _", DENY_WINS, RBAC).replace(DENY_WINS, "!some(where (p.eft == deny))");
    let timed = |roles| usual(roles, ALLOW, RBAC);
    vec![
        row("rbac_with_not_deny_model.conf", deny, "p, ann, papers, read, deny\n", Model("the policy effect")),
        row(
            "basic_with_root_model.conf",
            usual("", ALLOW, &format!("{PLAIN} || r.sub == \"root\"")),
            "p, ann, papers, read\n",
            Model("root"),
        ),
        row(
            "rbac_model_matcher_using_in_op.conf",
            usual("g = _, _", ALLOW, &format!("{RBAC} || r.obj in [\"plans\", \"maps\"]")),
            RBAC_LINES,
            Model("r_obj in"),
        ),
        row(
            "keymatch_custom_model.conf",
            usual("", ALLOW, "r.sub == p.sub && ownMatch(r.obj, p.obj) && r.act == p.act"),
            ROUTES_LINES,
            Model("ownMatch"),
        ),
        row(
            "basic_without_resources_policy.csv",
            model("sub, act", "sub, act", "", ALLOW, "r.sub == p.sub && r.act == p.act"),
            "p, ann, read\n",
            Model("the object"),
        ),
        row(
            "basic_without_users_policy.csv",
            model("obj, act", "obj, act", "", ALLOW, "r.obj == p.obj && r.act == p.act"),
            "p, papers, read\n",
            Model("the subject"),
        ),
        row(
            "ipmatch_policy.csv",
            usual("", ALLOW, "ipMatch(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"),
            "p, 10.0.0.0/16, papers, read\n",
            Model("ipMatch"),
        ),
        row(
            "abac_rule_policy.csv",
            model(sub_obj_act, "rule, obj, act", "", ALLOW, "eval(p.rule) && r.obj == p.obj && r.act == p.act"),
            "p, r.sub.Age > 18, papers, read\n",
            Model("eval"),
        ),
        row(
            "abac_rule_effect_policy.csv",
            usual("", DENY_WINS, "r.sub == r.obj.Owner"),
            "p, ann, /papers, read, deny\n",
            Model("Owner"),
        ),
        row(
            "eval_operator_policy.csv",
            model(sub_obj_act, "one, other, act", "", ALLOW, "eval(p.one) && eval(p.other) && r.act == p.act"),
            "p, r.sub == 'ann', r.obj == 'papers', write\n",
            Model("eval"),
        ),
        row(
            "pbac_policy.csv",
            model(sub_obj_act, "one, other, act", "", ALLOW, "eval(p.one) && eval(p.other) && r.act == p.act"),
            "p, r.sub.Role == 'chief', r.obj.Type == 'paper', read\n",
            Model("eval"),
        ),
        row(
            "object_conditions_policy.csv",
            model(
                sub_obj_act,
                "sub, rule, act",
                "g = _, _",
                ALLOW,
                "g(r.sub, p.sub) && eval(p.rule) && r.act == p.act",
            ),
            "p, ann, r.obj.price < 25, read\n",
            Model("eval"),
        ),
        row(
            "keymatch_with_rbac_in_domain.csv",
            model(
                "sub, dom, obj, act",
                "sub, dom, obj, act",
                "g = _, _, _",
                ALLOW,
                "g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.dom) && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)",
            ),
            "g, keeper, user, *\np, keeper, engines/*, *, (pause)|(resume)\n",
            Model("the domain"),
        ),
        row(
            "orbac_policy.csv",
            model(
                "sub, org, obj, act",
                "role, activity, view, org",
                "g = _, _, _\ng2 = _, _, _\ng3 = _, _, _",
                ALLOW,
                "g(r.sub, p.role, r.org) && g2(r.act, p.activity, r.org) && g3(r.obj, p.view, r.org) && r.org == p.org",
            ),
            "p, chief, change, papers, north\ng, ann, chief, north\n",
            Model("g3"),
        ),
        row(
            "rebac_policy.csv",
            model(
                sub_obj_act,
                "role, kind, act",
                "g = _, _, _\ng2 = _, _",
                ALLOW,
                "g(r.sub, r.obj, p.role) && g2(r.obj, p.kind) && r.act == p.act",
            ),
            "p, reader, paper, read\ng, ann, one, reader\ng2, one, paper\n",
            Model("g(r_sub"),
        ),
        row(
            "rbac_with_all_pattern_policy.csv",
            model(
                "sub, dom, obj, act",
                "sub, dom, obj, act",
                "g = _, _, _",
                ALLOW,
                "r.sub == p.sub && g(r.obj, p.obj, r.dom) && r.dom == p.dom && r.act == p.act",
            ),
            "p, ann, north, books, read\ng, /books/:id, books, *\n",
            Model("r_sub == p_sub"),
        ),
        row(
            "rbac_with_temporal_roles_policy.csv",
            timed("g = _, _, (_, _)"),
            "p, keeper, papers, read\ng, ann, keeper, _, 9999-12-30 00:00:00\n",
            Model("role definition"),
        ),
        row(
            "rbac_with_domain_temporal_roles_policy.csv",
            domains().replace("g = _, _, _", "g = _, _, _, (_, _)"),
            "p, keeper, north, papers, read\ng, ann, keeper, north, _, _\n",
            Model("role definition"),
        ),
        row(
            "rbac_with_domains_conditional_policy.csv",
            domains()
                .replace("g = _, _, _", "g = _, _, _, (_, _)")
                .replace("r.act == p.act", "(keyMatch(r.act, p.act) || keyMatch2(r.act, p.act))"),
            "p, keeper, north, desk, /list\ng, ann, keeper, north, _, 2999-12-30 00:00:00\n",
            Model("role definition"),
        ),
        row(
            "rbac_with_different_types_of_roles_policy.csv",
            model(
                sub_obj_act,
                "sub, dom, obj, act",
                "g = _, _, _, (_, _)\ng2 = _, _",
                ALLOW,
                "g(r.sub, p.sub, p.dom) && g2(r.obj, p.dom) && regexMatch(r.act, p.act)",
            ),
            "p, role:owner, north, _, (read|write)\ng, ann, role:owner, north, _, _\ng2, papers, north\n",
            Model("g(r_sub"),
        ),
        row(
            "multi_section_policy.csv (casbin-rs)",
            model(
                "sub, act, obj",
                "sub, act, obj",
                "g = _, _",
                ALLOW,
                "r.sub == p.sub && g(p.act, r.act) && r.obj == p.obj",
            ),
            "p, ann, all, papers\ng, all, read\n",
            Model("g(p_act"),
        ),
    ]
}

/// The input of the import. Objects of all files go under one path: most begin with `/`.
fn input(row: &Published) -> Value {
    json!({ "csv": row.policy, "domain": row.domain, "model": row.model, "under": "old" })
}

/// The object that a request of the old system is about, as it is asked about here.
fn here(object: &str) -> String {
    format!("old/{}", object.trim_start_matches('/').replace(' ', "%20"))
}

/// Compares all requests with casbin's Enforcer over the same model and file. Gives how many are allowed.
async fn compare(alice: &Client, row: &Published, objects: &[&str], actions: &[&str]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.csv");
    std::fs::write(&path, row.policy).unwrap();
    let enforcer =
        Enforcer::new(DefaultModel::from_str(&row.model).await.unwrap(), FileAdapter::new(path)).await.unwrap();
    let fields: Vec<&str> = row
        .model
        .lines()
        .nth(1)
        .unwrap()
        .trim_start_matches("r = ")
        .trim_start_matches("r=")
        .split(',')
        .map(str::trim)
        .collect();
    let (mut inputs, mut theirs) = (Vec::new(), Vec::new());
    for (user, object, action) in USERS
        .iter()
        .flat_map(|user| objects.iter().flat_map(move |object| actions.iter().map(move |act| (*user, *object, *act))))
    {
        let value = |field: &&str| match *field {
            "sub" | "user" => user.to_owned(),
            "dom" => row.domain.unwrap().to_owned(),
            "obj" | "thing" => object.to_owned(),
            _ => action.to_owned(),
        };
        theirs.push(enforcer.enforce(fields.iter().map(value).collect::<Vec<_>>()).unwrap());
        let action = action.replace(':', "%3A");
        inputs.push(json!({ "subject": user, "object": here(object), "action": action }));
    }
    let ours = alice.get("Decisions", json!({ "inputs": inputs })).await;
    for ((input, ours), theirs) in inputs.iter().zip(ours.as_array().unwrap()).zip(&theirs) {
        assert_eq!(ours["allowed"], *theirs, "{}: {input}", row.source);
    }
    theirs.into_iter().filter(|allowed| *allowed).count()
}

/// Returns the line and the column of each error.
fn places(payload: &Value) -> Vec<(u64, u64)> {
    let place = |error: &Value| {
        let path: Vec<&str> = error["field"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let ["csv", line, column] = path[..] else { panic!("{error}") };
        assert!(error["message"].as_str().unwrap().len() > 40, "it says what to do: {error}");
        (line.parse().unwrap(), column.parse().unwrap())
    };
    payload["userErrors"].as_array().unwrap().iter().map(place).collect()
}

#[tokio::test]
async fn r35a_a_published_policy_is_decided_as_casbin_decides_it_or_refused_with_what_differs() {
    on_both(async |instance| {
        let mut files = BTreeSet::new();
        for (n, row) in alike().into_iter().chain(refused()).chain(of_other_models()).enumerate() {
            assert!(files.insert((row.source, row.domain)), "{} stands twice", row.source);
            let alice = instance.tenant(&format!("t{n}")).await;
            for user in USERS {
                alice.add_user(user, "AGENT", json!({})).await;
            }
            let before = (alice.revision().await, alice.rules().await);
            let payload = alice.get("PolicyImport", json!({ "input": input(&row) })).await;
            match row.becomes {
                Alike(objects, actions) => {
                    assert_eq!(payload["userErrors"], json!([]), "{}", row.source);
                    assert!(compare(&alice, &row, objects, actions).await > 0, "{}: nothing is allowed", row.source);
                    continue;
                }
                Refused(lines) => assert_eq!(places(&payload), lines, "{}: {payload:#}", row.source),
                Model(said) => {
                    let error = &payload["userErrors"][0];
                    assert_eq!(
                        (&error["code"], &error["field"]),
                        (&json!("INVALID"), &json!(["model"])),
                        "{}",
                        row.source
                    );
                    assert!(error["message"].as_str().unwrap().contains(said), "{}: {error}", row.source);
                }
            }
            assert_eq!((alice.revision().await, alice.rules().await), before, "{}", row.source);
        }
    })
    .await;
}

/// Files as they are found beside no model: what they say decides what they are.
#[tokio::test]
async fn files_of_the_field_are_brought_in_by_what_they_say_themselves() {
    on_both(async |instance| {
        for (n, (policy, more, allowed, denied)) in [
            (
                "p, role:default/guests, catalog.entity, read, allow\ng, user:default/ann, role:default/guests\n\
                 g, group:default/team, role:default/guests\ng, user:default/ben, group:default/team\n",
                json!({}),
                &["ann read catalog.entity", "ben read catalog.entity"][..],
                &["cy read catalog.entity", "ann write catalog.entity"][..],
            ),
            (
                "p, chief, *, *\np, clerk, /orders, (GET)|(POST)\np, clerk, /orders/1, GET\ng, ann, chief\ng, ben, clerk\n",
                json!({ "under": "shop" }),
                &["ann DELETE shop", "ann GET shop/x/y", "ben POST shop/orders", "ben GET shop/orders/1"],
                &["ben PUT shop/orders", "ben POST shop/orders/1", "ben get shop/orders", "ann GET other"],
            ),
            (
                "p, chief, papers, sign\ng, chief, clerk\np, clerk, papers, read\n",
                json!({ "absent": "ROLE" }),
                &[],
                &["ann read papers"],
            ),
            (
                "p, role:chief, papers, sign\ng, role:chief, role:clerk\np, role:clerk, papers, read\ng, ann, role:clerk\n",
                json!({}),
                &["ann read papers"],
                &["ann sign papers", "ben read papers"],
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let alice = instance.tenant(&format!("t{n}")).await;
            for user in USERS {
                alice.add_user(user, "AGENT", json!({})).await;
            }
            let done = alice.make("PolicyImport", merged(json!({ "csv": policy }), more)).await;
            assert_eq!(done["warnings"], json!([]), "{policy}");
            for (requests, expected) in [(allowed, true), (denied, false)] {
                for request in requests {
                    let [user, action, object] = request.split(' ').collect::<Vec<_>>()[..] else { panic!("{request}") };
                    assert_eq!(alice.allowed(user, action, object).await, expected, "{request} of {policy}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_slip_that_casbin_takes_to_the_letter_is_warned_about_and_hinders_nothing() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        for user in USERS {
            alice.add_user(user, "AGENT", json!({})).await;
        }
        let csv = "p, role:admin, papers, read\ng, ann, role: admin\np, night clerk, plans, read, deny\ng, ben, nightclerk\ng, cy, nightclerk\n";
        let done = alice.make("PolicyImport", json!({ "csv": csv, "dryRun": true })).await;
        let places = |done: &Value| -> Vec<(Value, Value)> {
            let warnings = done["warnings"].as_array().unwrap();
            warnings.iter().map(|it| (it["line"].clone(), it["column"].clone())).collect()
        };
        assert_eq!(places(&done), [(json!(2), json!(3)), (json!(3), json!(1)), (json!(4), json!(3))]);
        assert!(done["warnings"][0]["message"].as_str().unwrap().contains("`role:admin` of line 1"), "{done:#}");
        assert_eq!(places(&alice.make("PolicyImport", json!({ "csv": csv })).await).len(), 3);
        assert!(!alice.allowed("ann", "read", "papers").await, "as in Casbin");
    })
    .await;
}

#[tokio::test]
async fn what_is_told_of_a_file_is_refused_by_its_field_where_it_cannot_be() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        for user in USERS {
            alice.add_user(user, "AGENT", json!({})).await;
        }
        let lines = "p, clerk, north, papers, read\ng, ann, clerk, north\n";
        for (more, code, field) in [
            (json!({ "domain": "west" }), "INVALID", "domain"),
            (json!({ "domain": "north", "model": usual("g = _, _", ALLOW, RBAC) }), "INVALID", "domain"),
            (json!({ "under": "/shop" }), "INVALID", "under"),
            (json!({ "under": "shop/*" }), "INVALID", "under"),
            (json!({ "model": "" }), "INVALID", "model"),
            (json!({ "model": "#".repeat(20_000) }), "TOO_LARGE", "model"),
        ] {
            let refused = alice.refuse("PolicyImport", merged(json!({ "csv": lines }), more.clone())).await;
            assert_eq!((refused.0.as_str(), refused.1.as_str()), (code, field), "{more}");
        }
        // Of a file of many domains every line names one.
        for (csv, line, column) in [
            ("p, clerk, papers, read\n", 1, 1),
            ("p, clerk, papers, read, deny\n", 1, 1),
            ("g, ann, clerk\n", 1, 1),
            ("p, clerk, north, a/b, read\np, clerk, north, /a/b, sign\n", 2, 4),
            ("p, clerk, north, papers, GET.*|POST\n", 1, 5),
            ("g, user:one/ann, clerk, north\ng, user:two/ann, clerk, north\n", 2, 2),
        ] {
            let refused =
                alice.get("PolicyImport", json!({ "input": { "csv": csv, "domain": "north", "under": "old" } })).await;
            assert!(places(&refused).contains(&(line, column)), "{csv}: {refused:#}");
        }
        let done = alice
            .make(
                "PolicyImport",
                json!({ "csv": format!("{lines}p, clerk, south, papers, sign\n"), "domain": "north" }),
            )
            .await;
        assert_eq!(done["skipped"], 1);
        assert!(alice.allowed("ann", "read", "papers").await && !alice.allowed("ann", "sign", "papers").await);
    })
    .await;
}
