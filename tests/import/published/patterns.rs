//! Files with patterns of objects that are no prefix, brought in for the objects that exist.

use casbin::function_map::{key_match, key_match2};

use super::{ACTS, ALLOW, Alike, DOMAINS, FIRST_WINS, HTTP, PAPERS, Published, Refused, model, of_domain, row, usual};

const GLOBS: &str =
    "p, ann, /shop/*, read\np, ben, /shop*, read\np, cy, /*/shop/*, read\np, ann, *, read\np, ben, plain, write\n";
const GLOB_OBJECTS: &[&str] = &["/shop/a", "/shop/a/b", "/shopping", "/x/shop/y", "/x/y/shop/z", "/shop", "plain"];
const KEYS: &str =
    "p, ann, /ann/:one, GET\np, ann, /ann/:one/using/:other, GET\np, ben, /ann/:one/*, POST\np, cy, /a.c, GET\n";
const KEY_OBJECTS: &[&str] = &["/ann/1", "/ann/2/using/3", "/ann/2/using/3/4", "/ann", "/abc", "/a.c"];
const BRACES: &str = "p, staff, /houses/{house}/rooms/{room}, GET\np, staff, /houses/{house}, POST\ng, ann, staff\np, ben, /houses/1/rooms/2, GET\n";
const BRACE_OBJECTS: &[&str] = &["/houses/1/rooms/2", "/houses/1/rooms", "/houses/1", "/houses/1/rooms/2/x"];
const EXPRESSIONS: &str = "p, ann, ^/ann/[0-9]+$, GET\np, ben, ann, GET\np, cy, /ann/(one|two), POST\n";
const EXPRESSION_OBJECTS: &[&str] = &["/ann/1", "/ann/one", "/ann/two/x", "/ben/2"];

fn keyed(function: &str) -> String {
    usual("g = _, _", ALLOW, &format!("g(r.sub, p.sub) && {function}(r.obj, p.obj) && r.act == p.act"))
}

const WIDE: &str = "p, keeper, north, papers, read\np, keeper, south, plans, write\np, keeper, *, maps, read\ng, ann, keeper, *\ng, ben, keeper, south\n";
const BOOKS: &str = "p, keeper, books, GET\np, ben, pens, POST\np, cy, /books/3, GET\ng, ann, keeper\ng2, /books/:id, books\ng2, /pens/:id, pens\ng2, /pens/one/two, pens\n";
const BOOK_OBJECTS: &[&str] = &["/books/1", "/books/3", "/books/1/2", "/pens/1", "/pens/one/two", "books"];
const ENGINES: &str = "g, keeper, user, *\np, keeper, engines/*, *, (pause)|(resume)\np, user, engines/*, *, (attach)|(detach)\ng, ann, keeper, engines/one\ng, ben, user, engines/two\n";

pub(super) fn rows() -> Vec<Published> {
    objects().into_iter().chain(of_roles()).collect()
}

/// Patterns for which the program registers a function, which no model says.
fn of_roles() -> Vec<Published> {
    let by_domain = |matcher| model("sub, dom, obj, act", "sub, dom, obj, act", "g = _, _, _", ALLOW, matcher);
    let wide = |domain| {
        of_domain(
            "rbac_with_domain_pattern_policy.csv, with its function",
            by_domain(DOMAINS),
            domain,
            WIDE,
            Alike(PAPERS, ACTS),
        )
        .matching("g", "domains", "KEY_MATCH", key_match)
    };
    let expressions = DOMAINS.replace("r.act == p.act", "regexMatch(r.act, p.act)");
    let books =
        || usual("g = _, _\ng2 = _, _", ALLOW, "g(r.sub, p.sub) && g2(r.obj, p.obj) && regexMatch(r.act, p.act)");
    let engines =
        "g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.dom) && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)";
    vec![
        wide("north"),
        wide("south"),
        of_domain(
            "rbac_with_pattern_domain_policy.csv (casbin-rs), with its function",
            by_domain(&expressions),
            "north",
            WIDE,
            Alike(PAPERS, ACTS),
        )
        .matching("g", "domains", "KEY_MATCH", key_match),
        of_domain(
            "keymatch_with_rbac_in_domain.csv, with its function",
            by_domain(engines),
            "engines/one",
            ENGINES,
            Alike(&["one", "a/b"], &["pause", "resume", "attach", "start"]),
        )
        .matching("g", "domains", "KEY_MATCH", key_match),
        row("rbac_with_pattern_policy.csv (casbin-rs), with its function", books(), BOOKS, Alike(BOOK_OBJECTS, HTTP))
            .among(BOOK_OBJECTS)
            .matching("g2", "names", "KEY_MATCH_2", key_match2),
        row("patterns of a group without the objects", books(), BOOKS, Refused(&[(5, 2), (6, 2)])),
    ]
}

/// Patterns that the matcher compares with the object.
fn objects() -> Vec<Published> {
    let one = |source, function, lines, objects: &'static [&'static str]| {
        row(source, keyed(function), lines, Alike(objects, HTTP)).among(objects)
    };
    let first = usual("g = _, _", FIRST_WINS, "g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && r.act == p.act");
    vec![
        row(
            "glob_policy.csv, with its objects",
            usual("", ALLOW, "r.sub == p.sub && globMatch(r.obj, p.obj) && r.act == p.act"),
            GLOBS,
            Alike(GLOB_OBJECTS, ACTS),
        )
        .among(GLOB_OBJECTS),
        one("keymatch2_policy.csv, with its objects", "keyMatch2", KEYS, KEY_OBJECTS),
        one("patterns of keyMatch3, with their objects", "keyMatch3", BRACES, BRACE_OBJECTS),
        one("patterns of keyMatch4, with their objects", "keyMatch4", BRACES, BRACE_OBJECTS),
        one("patterns of keyMatch5, with their objects", "keyMatch5", BRACES, BRACE_OBJECTS),
        one("regular expressions for objects, with those", "regexMatch", EXPRESSIONS, EXPRESSION_OBJECTS),
        row("regular expressions for objects", keyed("regexMatch"), EXPRESSIONS, Refused(&[(1, 3), (2, 3), (3, 3)])),
        row(
            "a name that stands twice in a pattern of keyMatch4",
            keyed("keyMatch4"),
            "p, ann, /houses/{it}/rooms/{it}, GET\n",
            Refused(&[(1, 3)]),
        )
        .among(BRACE_OBJECTS),
        row(
            "a denial of a pattern, with the objects",
            first,
            "p, ann, /ann/:one, GET, deny\np, ann, /ann/:one/using/:other, GET, allow\n",
            Refused(&[(1, 3)]),
        )
        .among(KEY_OBJECTS),
    ]
}
