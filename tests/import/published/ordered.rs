//! Files in which the order of lines decides.

use super::{
    ACTS, ALLOW, Alike, DOMAINS, FIRST_WINS, HTTP, Model, NEAREST_WINS, PAPERS, Published, RBAC, ROUTES, Refused,
    model, of_domain, row, usual,
};

const FIRST_LINES: &str = "p, ann, papers, read, allow\np, barred, papers, read, deny\np, barred, papers, write, deny\np, ann, papers, write, allow\ng, ann, barred\ng, cy, barred\np, planner, plans, read, allow\np, ben, plans, read, deny\np, ben, plans, write, deny\ng, ben, planner\n";
const RANKED_LINES: &str = "p, 10, barred, papers, read, deny\np, 10, barred, papers, write, deny\np, 10, planner, plans, read, allow\np, 10, planner, plans, write, allow\np, 1, ann, papers, write, allow\np, 1, ann, papers, read, allow\np, 1, ben, plans, read, deny\ng, ben, planner\ng, ann, barred\ng, cy, planner\n";
const RANKED_SORTED: &str = "p, 1, ann, papers, write, allow\np, 1, ann, papers, read, allow\np, 1, ben, plans, read, deny\np, 10, barred, papers, read, deny\np, 10, barred, papers, write, deny\np, 10, planner, plans, read, allow\np, 10, planner, plans, write, allow\ng, ben, planner\ng, ann, barred\ng, cy, planner\n";

pub(super) fn rows() -> Vec<Published> {
    let first = |policy: &str, matcher| model("sub, obj, act", policy, "g = _, _", FIRST_WINS, matcher);
    let usual_first = || usual("g = _, _", FIRST_WINS, RBAC);
    let of_paths = || usual("g = _, _", FIRST_WINS, "g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act");
    let by_subject = "g(r.sub, p.subject) && r.obj == p.obj && r.act == p.act";
    vec![
        row("priority_policy.csv", usual_first(), FIRST_LINES, Alike(PAPERS, ACTS)).later("ben", "barred"),
        row(
            "priority_policy_enforce_context.csv",
            usual_first()
                .replace("[policy_d", "r2 = sub, obj\n[policy_d")
                .replace("\nm = ", "\nm2 = g(r2.sub, p.sub)\nm = "),
            FIRST_LINES,
            Alike(PAPERS, ACTS),
        ),
        row("priority_policy_explicit.csv", first("priority, sub, obj, act, eft", RBAC), RANKED_LINES, Alike(PAPERS, ACTS))
            .sorted(RANKED_SORTED)
            .later("ann", "planner"),
        row(
            "priority_policy_explicit_customized.csv, with the column named `priority`",
            first("priority, obj, act, eft, subject", by_subject),
            "p, 10, papers, read, deny, barred\np, 1, papers, write, allow, ann\np, 10, papers, write, deny, barred\ng, ann, barred\n",
            Alike(PAPERS, ACTS),
        )
        .sorted("p, 1, papers, write, allow, ann\np, 10, papers, read, deny, barred\np, 10, papers, write, deny, barred\ng, ann, barred\n"),
        row(
            "priority_indeterminate_policy.csv",
            usual_first(),
            "p, ann, papers, read, unsure\np, ben, papers, read, unsure\np, ben, papers, read, allow\n",
            Alike(PAPERS, ACTS),
        ),
        row(
            "subject_priority_policy.csv",
            usual("g = _, _", NEAREST_WINS, RBAC),
            "p, root, papers, read, deny\np, chief, papers, read, deny\np, editor, papers, read, deny\np, reader, papers, read, deny\np, reader, plans, read, allow\np, ann, papers, read, allow\np, ben, papers, read, allow\ng, chief, root\ng, editor, chief\ng, reader, chief\ng, ann, editor\ng, ben, reader\ng, cy, reader\n",
            Alike(PAPERS, ACTS),
        )
        .sorted("p, ann, papers, read, allow\np, ben, papers, read, allow\np, editor, papers, read, deny\np, reader, papers, read, deny\np, reader, plans, read, allow\np, chief, papers, read, deny\np, root, papers, read, deny\ng, chief, root\ng, editor, chief\ng, reader, chief\ng, ann, editor\ng, ben, reader\ng, cy, reader\n"),
        of_domain(
            "subject_priority_policy_with_domain.csv",
            model("sub, obj, dom, act", "sub, obj, dom, act, eft", "g = _, _, _", NEAREST_WINS, DOMAINS),
            "north",
            "p, staff, papers, north, write, deny\np, ann, papers, north, write, allow\np, staff, plans, south, write, deny\np, ben, plans, south, write, allow\ng, ann, staff, north\ng, ben, staff, south\n",
            Alike(PAPERS, ACTS),
        )
        .sorted("p, ann, papers, north, write, allow\np, ben, plans, south, write, allow\np, staff, papers, north, write, deny\np, staff, plans, south, write, deny\ng, ann, staff, north\ng, ben, staff, south\n"),
        row(
            "priorities among paths",
            of_paths(),
            "p, ann, /ann/one, GET, allow\np, ann, /ann/*, GET, deny\np, clerk, /ann/two, GET, allow\np, ben, /ann/one, GET, deny\np, ben, /ann/*, GET, allow\np, clerk, /ben/one, GET, allow\ng, ann, clerk\ng, cy, clerk\n",
            Alike(ROUTES, HTTP),
        ),
        row(
            "priorities of a role that others hold",
            of_paths(),
            "p, base, /ann/one, GET, allow\np, over, /ann/*, GET, deny\np, over, /ben/*, GET, allow\np, other, /ann/two, GET, allow\ng, over, base\ng, ann, over\ng, ben, over\ng, ben, other\ng, cy, other\n",
            Alike(ROUTES, HTTP),
        ),
        row(
            "priorities among paths that need their order",
            of_paths(),
            "p, ann, /ann/one, GET, allow\np, ann, /ann/*, GET, deny\np, ann, /*, GET, allow\n",
            Refused(&[(2, 1)]),
        ),
        row(
            "priority_policy_explicit_customized.csv",
            first("rank, obj, act, eft, subject", by_subject),
            "p, 10, papers, read, deny, barred\np, 1, papers, write, allow, ann\ng, ann, barred\n",
            Refused(&[(1, 2)]),
        ),
        row(
            "priorities that are no numbers",
            first("priority, sub, obj, act, eft", RBAC),
            "p, high, ann, papers, read, deny\np, 1, ann, papers, read, allow\n",
            Refused(&[(1, 2)]),
        ),
        row(
            "priorities of roles that hold each other over nine links",
            usual_first(),
            "p, r1, papers, read, deny\ng, r1, r2\ng, r2, r3\ng, r3, r4\ng, r4, r5\ng, r5, r6\ng, r6, r7\ng, r7, r8\ng, r8, r9\ng, r9, r1\n",
            Refused(&[(2, 3), (3, 3), (4, 3), (5, 3), (6, 3), (7, 3), (8, 3), (9, 3), (10, 3)]),
        ),
        row(
            "subjects of several levels",
            usual("g = _, _", NEAREST_WINS, RBAC),
            "p, staff, papers, read, deny\ng, clerk, staff\ng, ann, clerk\ng, ann, staff\n",
            Refused(&[(3, 3)]),
        ),
        row(
            "subjects whose levels are found nowhere",
            model("sub, obj, act", "obj, sub, act, eft", "g = _, _", NEAREST_WINS, RBAC),
            "p, papers, ann, read, allow\n",
            Model("the policy effect"),
        ),
        row(
            "denials that the model passes over",
            model("sub, obj, act", "sub, obj, act, eft", "g = _, _", ALLOW, RBAC),
            "p, ann, papers, read, allow\np, clerk, papers, read, deny\np, clerk, plans, read, allow\ng, ann, clerk\ng, ben, clerk\n",
            Alike(PAPERS, ACTS),
        )
        .later("cy", "clerk"),
    ]
}
