//! The forms of the policies that Casbin itself publishes (`examples/` of `apache/casbin` and of
//! `casbin/casbin-rs`), and of some from the field, in words of our own. Each is brought in and decided
//! as casbin's Enforcer decides it over the same file, or refused where it says what cannot be held here.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use casbin::{CoreApi as _, DefaultModel, EnforceContext, Enforcer, FileAdapter, MgmtApi as _};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::merged;

mod ordered;
mod patterns;
mod several;

/// The users of every tenant here. Whatever else a file names is a role of it.
const USERS: [&str; 3] = ["ann", "ben", "cy"];

const ALLOW: &str = "some(where (p.eft == allow))";
const DENY_WINS: &str = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
const FIRST_WINS: &str = "priority(p.eft) || deny";
const NEAREST_WINS: &str = "subjectPriority(p.eft) || deny";
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

/// Matching function that the old program registers: the definition, its name here and there, and what it does.
type Matching = (&'static str, &'static str, &'static str, fn(&str, &str) -> bool);

struct Published {
    /// The file whose form it is.
    source: &'static str,
    model: String,
    policy: &'static str,
    domain: Option<&'static str>,
    /// The kind of policy that is brought in, of a model that defines several.
    policy_type: Option<&'static str>,
    /// The same lines in the order in which they decide, for an Enforcer that does not sort them itself.
    sorted: Option<&'static str>,
    /// The objects that exist, where they are told.
    objects: &'static [&'static str],
    /// A function that the program registers for its roles: the lines, for what of them, and casbin's own.
    matching: Option<Matching>,
    /// A user who is put into the group of a role afterwards, there as here.
    later: Option<(&'static str, &'static str)>,
    becomes: Becomes,
}

fn row(source: &'static str, model: String, policy: &'static str, becomes: Becomes) -> Published {
    Published {
        source,
        model,
        policy,
        domain: None,
        policy_type: None,
        sorted: None,
        objects: &[],
        matching: None,
        later: None,
        becomes,
    }
}

impl Published {
    fn of_type(self, kind: &'static str) -> Self {
        Self { policy_type: Some(kind), ..self }
    }

    fn sorted(self, lines: &'static str) -> Self {
        Self { sorted: Some(lines), ..self }
    }

    fn among(self, objects: &'static [&'static str]) -> Self {
        Self { objects, ..self }
    }

    /// Names the function for `names` or `domains` of the roles of these lines, as the API and as casbin does.
    fn matching(
        self,
        lines: &'static str,
        of: &'static str,
        name: &'static str,
        function: fn(&str, &str) -> bool,
    ) -> Self {
        Self { matching: Some((lines, of, name, function)), ..self }
    }

    fn later(self, user: &'static str, role: &'static str) -> Self {
        Self { later: Some((user, role)), ..self }
    }
}

fn of_domain(
    source: &'static str,
    model: String,
    domain: &'static str,
    policy: &'static str,
    becomes: Becomes,
) -> Published {
    Published { domain: Some(domain), ..row(source, model, policy, becomes) }
}

const ACTS: &[&str] = &["read", "write", "sign"];
const PAPERS: &[&str] = &["papers", "plans", "maps"];
const RBAC_LINES: &str =
    "p, ann, papers, read\np, ben, plans, write\np, planner, plans, read\np, planner, plans, write\ng, ann, planner\n";
const HTTP: &[&str] = &["GET", "POST", "PUT"];
const ROUTES_LINES: &str = "p, ann, /ann/*, GET\np, ann, /ann/one, POST\np, ben, /ann/two, GET\np, ben, /ben/*, POST\np, cy, /cy, (GET)|(POST)\n";
const ROUTES: &[&str] = &["/ann/one", "/ann/two", "/ann/two/three", "/ben/one", "/cy", "/cy/one", "/ann"];
const DOMAIN_LINES: &str = "p, keeper, north, papers, read\np, keeper, north, papers, write\np, keeper, south, plans, read\np, user, east, plans, write\ng, ann, keeper, north\ng, ann, keeper, south\ng, ben, keeper, south\ng, ben, user, east\n";

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
            "rbac_with_cycle_policy.csv",
            rbac(),
            "p, ann, papers, read\np, planner, plans, read\np, other, maps, sign\ng, ann, planner\ng, planner, chief\ng, chief, ann\ng, chief, other\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "roles that hold each other, with a user below",
            rbac(),
            "p, one, papers, read\np, two, plans, read\ng, one, two\ng, two, one\ng, ann, one\ng, ben, two\n",
            Alike(PAPERS, ACTS),
        )
        .later("cy", "two"),
        row(
            "roles that hold each other over nine links",
            rbac(),
            "p, r1, papers, read\ng, r1, r2\ng, r2, r3\ng, r3, r4\ng, r4, r5\ng, r5, r6\ng, r6, r7\ng, r7, r8\ng, r8, r9\ng, r9, r1\n",
            Refused(&[(10, 3)]),
        ),
        of_domain(
            "rbac_with_domain_pattern_policy.csv",
            domains(),
            "north",
            "p, keeper, north, papers, read\np, keeper, *, plans, read\ng, ann, keeper, *\ng, ben, keeper, south\n",
            Refused(&[(3, 4)]),
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
#[expect(clippy::too_many_lines, reason = "a table")]
fn of_other_models() -> Vec<Published> {
    let sub_obj_act = "sub, obj, act";
    let deny = usual("g = _, _", DENY_WINS, RBAC).replace(DENY_WINS, "!some(where (p.eft == deny))");
    let timed = |roles| usual(roles, ALLOW, RBAC);
    vec![
        row("rbac_with_not_deny_model.conf", deny, "p, ann, papers, read, deny\n", Model("the policy effect")),
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
    ]
}

/// All forms.
fn all() -> Vec<Published> {
    [alike(), ordered::rows(), several::rows(), patterns::rows(), refused(), of_other_models()]
        .into_iter()
        .flatten()
        .collect()
}

/// The input of the import. Objects of all files go under one path: most begin with `/`.
fn input(row: &Published) -> Value {
    json!({
        "csv": row.policy,
        "domain": row.domain,
        "model": row.model,
        "under": "old",
        "policyType": row.policy_type,
        "objects": row.objects,
        "rolePatterns": row.matching.map(|(lines, of, name, _)| json!({ "lines": lines, of: name })).into_iter().collect::<Vec<_>>(),
    })
}

/// The object that a request of the old system is about, as it is asked about here.
fn here(object: &str) -> String {
    match object.trim_start_matches('/') {
        "" => "old".to_owned(),
        path => format!("old/{}", path.replace(' ', "%20")),
    }
}

/// Returns casbin's Enforcer over the model and the file. It knows no levels of subjects, so that its lines come sorted.
async fn enforcer(row: &Published) -> Enforcer {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.csv");
    std::fs::write(&path, row.sorted.unwrap_or(row.policy)).unwrap();
    let model = row.model.replace(NEAREST_WINS, FIRST_WINS);
    let mut enforcer =
        Enforcer::new(DefaultModel::from_str(&model).await.unwrap(), FileAdapter::new(path)).await.unwrap();
    if let Some((_, of, _, function)) = row.matching {
        let for_one = |wanted| (of == wanted).then_some(function);
        enforcer.get_role_manager().write().matching_fn(for_one("names"), for_one("domains"));
        enforcer.build_role_links().unwrap();
    }
    enforcer
}

/// Compares all requests with casbin's Enforcer. Gives how many are allowed.
async fn compare(alice: &Client, row: &Published, enforcer: &Enforcer, objects: &[&str], actions: &[&str]) -> usize {
    let number = row.policy_type.unwrap_or("p").trim_start_matches('p');
    let defines = |kind: &str| {
        row.model.lines().any(|line| line.starts_with(&format!("{kind} ")) || line.starts_with(&format!("{kind}=")))
    };
    let defined =
        |kind: &str| Some(format!("{kind}{number}")).filter(|it| defines(it)).unwrap_or_else(|| kind.to_owned());
    let request = defined("r");
    let definition = row.model.lines().find_map(|line| line.strip_prefix(&request)).unwrap();
    let fields: Vec<&str> = definition.trim_start_matches([' ', '=']).split(',').map(str::trim).collect();
    let (mut inputs, mut theirs) = (Vec::new(), Vec::new());
    for (user, object, action) in USERS
        .iter()
        .flat_map(|user| objects.iter().flat_map(move |object| actions.iter().map(move |act| (*user, *object, *act))))
    {
        let value = |field: &&str| match *field {
            "sub" | "user" => user.to_owned(),
            "dom" | "org" => row.domain.unwrap().to_owned(),
            "obj" | "thing" => object.to_owned(),
            _ => action.to_owned(),
        };
        let context = EnforceContext {
            r_type: request.clone(),
            p_type: format!("p{number}"),
            e_type: defined("e"),
            m_type: format!("m{number}"),
        };
        theirs.push(enforcer.enforce_with_context(context, fields.iter().map(value).collect::<Vec<_>>()).unwrap());
        let action = action.replace(':', "%3A");
        inputs.push(json!({ "subject": user, "object": here(object), "action": action }));
    }
    let ours = alice.get("Decisions", json!({ "inputs": inputs })).await;
    for ((input, ours), theirs) in inputs.iter().zip(ours.as_array().unwrap()).zip(&theirs) {
        assert_eq!(ours["allowed"], *theirs, "{}: {input}", row.source);
    }
    theirs.into_iter().filter(|allowed| *allowed).count()
}

/// Puts a user into the group of a role, and says so to casbin's Enforcer.
async fn join(alice: &Client, row: &Published, enforcer: &mut Enforcer, (user, role): (&str, &str)) {
    let line = [user, role].into_iter().chain(row.domain).map(str::to_owned).collect();
    assert!(enforcer.add_grouping_policy(line).await.unwrap(), "{}", row.source);
    alice.make("GroupAddMembers", json!({ "group": role, "users": [user] })).await;
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

both!(r35a_a_published_policy_is_decided_as_casbin_decides_it_or_refused_with_what_differs);
async fn r35a_a_published_policy_is_decided_as_casbin_decides_it_or_refused_with_what_differs(instance: Instance) {
    let (mut files, mut wrong) = (BTreeSet::new(), Vec::new());
    for (n, row) in all().into_iter().enumerate() {
        assert!(files.insert((row.source, row.domain)), "{} stands twice", row.source);
        let alice = instance.tenant(&format!("t{n}")).await;
        for user in USERS {
            alice.add_user(user, "AGENT", json!({})).await;
        }
        // One run tells of all forms that differ.
        if AssertUnwindSafe(becomes(&alice, &row)).catch_unwind().await.is_err() {
            wrong.push(row.source);
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Brings a file in, and checks what becomes of it.
async fn becomes(alice: &Client, row: &Published) {
    let before = (alice.revision().await, alice.rules().await);
    let payload = alice.get("PolicyImport", json!({ "input": input(row) })).await;
    match row.becomes {
        Alike(objects, actions) => {
            assert_eq!(payload["userErrors"], json!([]), "{}", row.source);
            let mut theirs = enforcer(row).await;
            let allowed = compare(alice, row, &theirs, objects, actions).await;
            assert!(allowed > 0, "{}: nothing is allowed", row.source);
            if let Some(later) = row.later {
                join(alice, row, &mut theirs, later).await;
                compare(alice, row, &theirs, objects, actions).await;
            }
            return;
        }
        Refused(lines) => assert_eq!(places(&payload), lines, "{}: {payload:#}", row.source),
        Model(said) => {
            let error = &payload["userErrors"][0];
            assert_eq!((&error["code"], &error["field"]), (&json!("INVALID"), &json!(["model"])), "{}", row.source);
            assert!(error["message"].as_str().unwrap().contains(said), "{}: {error}", row.source);
        }
    }
    assert_eq!((alice.revision().await, alice.rules().await), before, "{}", row.source);
}

both!(files_of_the_field_are_brought_in_by_what_they_say_themselves);
/// Files as they are found beside no model: what they say decides what they are.
async fn files_of_the_field_are_brought_in_by_what_they_say_themselves(instance: Instance) {
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
}

both!(a_slip_that_casbin_takes_to_the_letter_is_warned_about_and_hinders_nothing);
async fn a_slip_that_casbin_takes_to_the_letter_is_warned_about_and_hinders_nothing(instance: Instance) {
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
}

both!(what_is_told_of_a_file_is_refused_by_its_field_where_it_cannot_be);
async fn what_is_told_of_a_file_is_refused_by_its_field_where_it_cannot_be(instance: Instance) {
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
        (json!({ "policyType": "p2" }), "INVALID", "policyType"),
        (json!({ "policyType": "q", "model": domains() }), "INVALID", "policyType"),
        (json!({ "policyType": "p2", "model": domains() }), "INVALID", "model"),
        (json!({ "objects": ["a/*"] }), "INVALID", "objects"),
        (json!({ "objects": vec!["a"; 10_001] }), "TOO_LARGE", "objects"),
        (json!({ "model": usual("", ALLOW, &format!("{PLAIN} || r.sub == \"ann\"")) }), "INVALID", "under"),
        (
            json!({ "domain": "north", "rolePatterns": [{ "lines": "g", "domains": "KEY_MATCH" }] }),
            "INVALID",
            "rolePatterns",
        ),
        (
            json!({ "domain": "north", "model": domains(), "rolePatterns": [{ "lines": "g", "names": "KEY_MATCH" }] }),
            "INVALID",
            "rolePatterns",
        ),
        (
            json!({ "domain": "north", "model": domains(), "rolePatterns": [{ "lines": "g3", "domains": "KEY_MATCH" }] }),
            "INVALID",
            "rolePatterns",
        ),
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
        .make("PolicyImport", json!({ "csv": format!("{lines}p, clerk, south, papers, sign\n"), "domain": "north" }))
        .await;
    assert_eq!(done["skipped"], 1);
    assert!(alice.allowed("ann", "read", "papers").await && !alice.allowed("ann", "sign", "papers").await);
}
