//! Files whose models define several kinds of policies or roles, or ask for less than a subject, an object and an
//! action.

use super::{
    ACTS, ALLOW, Alike, DENY_WINS, Model, PAPERS, PLAIN, Published, RBAC, Refused, model, of_domain, row, usual,
};

const KINDS: &str = "p, user, /papers, GET\np, chief, /papers, POST\np2, user, view\np2, chief, make\ng, chief, user\ng, ann, chief\ng, ben, user\n";
const MORE_ROLES: &str = "p, user, /papers, GET\np2, user, view\ng, ann, user\ng2, cy, user\n";
const SECTIONS: &str = "p, ann , all, papers\np, ben , some, plans\np2, cy, all\np2, ann, start\ng, all, read \ng, all, write \ng, some, read\n";
const SECTION_ACTS: &[&str] = &["read", "write", "sign", "all", "some", "start"];
const ORGS: &str = "p, chief, change, papers, north\np, chief, look, papers, north\np, clerk, look, papers, north\np, chief, change, plans, south\ng, ann, chief, north\ng, ben, clerk, north\ng, cy, chief, south\ng2, write, change, north\ng2, read, look, north\ng2, write, change, south\ng3, one, papers, north\ng3, two, papers, north\ng3, three, plans, south\n";
const ORG_ACTS: &[&str] = &["read", "write", "change"];
const RULED: &str = "p, planner, plans, read\np2, r2.sub.Age > 18, /papers, read, allow\np2, r2.sub.Age > 60, /papers, read, deny\ng, ann, planner\n";
const ENGINES: &str = "g, keeper, user, engines/one\np, keeper, engines/*, *, (pause)|(resume)\np, user, engines/*, *, (attach)|(detach)\np, user, pumps/*, *, start\ng, ann, keeper, engines/one\ng, ben, keeper, engines/two\n";

pub(super) fn rows() -> Vec<Published> {
    [kinds(), roles(), less()].into_iter().flatten().collect()
}

/// Several kinds of policies in one file.
fn kinds() -> Vec<Published> {
    let several = || {
        format!(
            "[request_definition]\nr = user, thing, action\n[policy_definition]\np = role, thing, action\np2 = role, action\n\
             [policy_effect]\ne = {ALLOW}\n[matchers]\n\
             m = g(r.user, p.role) && r.thing == p.thing && r.action == p.action\n\
             m2 = g(r.user, p2.role) && r.action == p2.action\n[role_definition]\ng = _,_\ng2 = _,_\n"
        )
    };
    let sections = || {
        format!(
            "[request_definition]\nr = sub, act, obj\nr2 = sub, act\n[policy_definition]\np = sub, act, obj\np2 = sub, act\n\
             [role_definition]\ng = _, _\ng2 = _, _\n[policy_effect]\ne = {ALLOW}\ne2 = {ALLOW}\n[matchers]\n\
             m = r.sub == p.sub && g(p.act, r.act) && r.obj == p.obj\nm2 = r2.sub == p2.sub && g(p2.act, r2.act)\n"
        )
    };
    let ruled = || {
        usual("g = _, _", ALLOW, RBAC)
            .replace("[policy_definition]\n", "r2 = sub, obj, act\n[policy_definition]\n")
            .replace("[role", "p2 = rule, obj, act, eft\n[role")
            .replace("\nm = ", "\nm2 = eval(p2.rule) && r2.obj == p2.obj && r2.act == p2.act\nm = ")
    };
    let http = Alike(&["/papers", "/plans"], &["GET", "POST", "view"]);
    let all = Alike(&["/papers", "", "/a/b"], &["GET", "view", "make"]);
    vec![
        row("rbac_with_multiple_policy_policy.csv", several(), MORE_ROLES, Refused(&[(4, 1)])).of_type("p"),
        row("rbac_with_multiple_policy_policy.csv, without its g2", several(), KINDS, http)
            .of_type("p")
            .later("cy", "chief"),
        row("rbac_with_multiple_policy_policy.csv, its p2", several(), KINDS, all).of_type("p2"),
        row("rbac_with_multiple_policy_policy.csv, no kind of it", several(), KINDS, Refused(&[(3, 1), (4, 1)])),
        row("multi_section_policy.csv (casbin-rs)", sections(), SECTIONS, Alike(PAPERS, SECTION_ACTS)).of_type("p"),
        row("multi_section_policy.csv (casbin-rs), its p2", sections(), SECTIONS, Alike(&[""], SECTION_ACTS))
            .of_type("p2"),
        row("multiple_policy_definitions_policy.csv", ruled(), RULED, Alike(PAPERS, ACTS)).of_type("p"),
        row("multiple_policy_definitions_policy.csv, its p2", ruled(), RULED, Model("eval")).of_type("p2"),
    ]
}

/// Roles of objects and of actions, and domains that are patterns.
fn roles() -> Vec<Published> {
    let by_domain = |roles, matcher| model("sub, dom, obj, act", "sub, dom, obj, act", roles, ALLOW, matcher);
    let orbac = || {
        model(
            "sub, org, obj, act",
            "role, activity, view, org",
            "g = _, _, _\ng2 = _, _, _\ng3 = _, _, _",
            ALLOW,
            "g(r.sub, p.role, r.org) && g2(r.act, p.activity, r.org) && g3(r.obj, p.view, r.org) && r.org == p.org",
        )
    };
    let engines = || {
        by_domain(
            "g = _, _, _",
            "g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.dom) && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)",
        )
    };
    let books =
        || by_domain("g = _, _, _", "r.sub == p.sub && g(r.obj, p.obj, r.dom) && r.dom == p.dom && r.act == p.act");
    let large = model(
        "sub, obj, act",
        "sub, obj, act",
        "g = _, _, _",
        ALLOW,
        "g(r.sub, p.sub, r.obj) && keyMatch4(r.obj, p.obj) && regexMatch(r.act, p.act)",
    );
    vec![
        of_domain("orbac_policy.csv", orbac(), "north", ORGS, Alike(&["one", "two", "three", "papers"], ORG_ACTS)),
        of_domain("orbac_policy.csv", orbac(), "south", ORGS, Alike(&["one", "two", "three", "plans"], ORG_ACTS))
            .later("ann", "chief"),
        of_domain(
            "rbac_with_all_pattern_policy.csv",
            books(),
            "north",
            "p, ann, north, books, read\ng, /books/:id, books, *\n",
            Refused(&[(2, 4)]),
        ),
        of_domain(
            "rbac_with_all_pattern_policy.csv, with books by name",
            books(),
            "north",
            "p, ann, north, books, read\np, ann, south, books, write\ng, /books/1, books, north\ng, /books/2, books, south\n",
            Alike(&["/books/1", "/books/2", "books"], ACTS),
        ),
        of_domain(
            "keymatch_with_rbac_in_domain.csv",
            engines(),
            "engines/one",
            "g, keeper, user, *\np, keeper, engines/*, *, (pause)|(resume)\n",
            Refused(&[(1, 4)]),
        ),
        of_domain(
            "keymatch_with_rbac_in_domain.csv, with domains by name",
            engines(),
            "engines/one",
            ENGINES,
            Alike(&["one", "a/b"], &["pause", "resume", "attach", "start"]),
        ),
        of_domain(
            "performance/rbac_with_pattern_large_scale_policy.csv",
            large,
            "north",
            "p, staff, /houses/{house}/rooms/{room}, App1.Part1.Action1\ng, ann, staff, /houses/1/rooms/2\n",
            Model("the domain"),
        ),
    ]
}

/// Models that ask for less, or let a user do everything.
fn less() -> Vec<Published> {
    vec![
        row(
            "basic_with_root_model.conf",
            usual("", ALLOW, &format!("{PLAIN} || r.sub == \"cy\"")),
            "p, ann, papers, read\np, cy, plans, write\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "a user who may do everything and whom another one holds",
            usual("g = _, _", ALLOW, &format!("{RBAC} || r.sub == \"root\"")),
            "p, ann, papers, read\ng, ben, root\n",
            Refused(&[(2, 3)]),
        ),
        row(
            "a user who may do everything that is not denied",
            usual("", DENY_WINS, &format!("{PLAIN} || r.sub == \"cy\"")),
            "p, ann, papers, read, allow\n",
            Model("cy"),
        ),
        row(
            "basic_without_resources_policy.csv",
            model("sub, act", "sub, act", "", ALLOW, "r.sub == p.sub && r.act == p.act"),
            "p, ann, read\np, ben, write\n",
            Alike(&[""], ACTS),
        ),
        row(
            "a model that asks for no action",
            model("sub, obj", "sub, obj", "g = _, _", ALLOW, "g(r.sub, p.sub) && r.obj == p.obj"),
            "p, clerk, papers\np, ben, plans\ng, ann, clerk\n",
            Alike(PAPERS, ACTS),
        ),
    ]
}
