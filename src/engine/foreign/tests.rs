use super::*;

fn model(policy: &str, roles: &str, effect: &str, matcher: &str) -> Result<ForeignModel, PlanError> {
    let text = format!(
        "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = {policy}\n[role_definition]\n{roles}\n\
         [policy_effect]\ne = {effect}\n[matchers]\nm = {matcher}\n"
    );
    ForeignModel::read(&text, None)
}

const ALLOW: &str = "some(where (p.eft == allow))";

#[test]
fn columns_are_told_by_what_they_are_compared_with() {
    use Column::{Action, Domain, Effect, Object, Priority, Subject};
    let roles = "g = _, _, _";
    let matcher = "g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)";
    let read = model("priority, sub, act, obj, dom, eft", roles, ALLOW, matcher).unwrap();
    assert_eq!(read.columns, [Priority, Subject, Action, Object, Domain, Effect]);
    let lines = |lines: &Option<RoleLines>| lines.as_ref().map(|it| (it.kind.clone(), it.columns, it.holders));
    assert_eq!((lines(&read.roles), &read.object_roles), (Some(("g".to_owned(), 3, false)), &None));
    assert!(read.has_domain() && read.scope == Scope::Column);
    assert_eq!((read.objects, read.actions), (BTreeSet::from([By::KeyMatch]), BTreeSet::from([By::Regex])));
    let matcher = "g(r.sub, p.role) && g2(r.obj, p.thing) && (r.act == p.what || p.what == '*')".replace('\'', "\"");
    let read = model("role, thing, what", "g = _, _\ng2 = _, _", "priority(p.eft) || deny", &matcher).unwrap();
    assert_eq!(read.columns, [Subject, Object, Action]);
    assert_eq!(read.combined, Combined::FirstWins);
    assert_eq!(lines(&read.object_roles), Some(("g2".to_owned(), 2, false)));
    assert_eq!(read.actions, BTreeSet::from([By::Equal, By::Star]));
}

#[test]
fn what_has_no_equal_here_is_named() {
    let plain = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
    for (policy, roles, effect, matcher, said) in [
        ("sub, obj, act", "g = _, _", "!some(where (p.eft == deny))", plain, "the policy effect"),
        (
            "sub, obj, act",
            "g = _, _",
            ALLOW,
            "r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.obj == \"root\"",
            "term",
        ),
        (
            "sub, obj, act, eft",
            "g = _, _",
            ALLOW,
            "r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.sub == \"root\"",
            "term",
        ),
        ("sub, obj, act", "g = _, _", ALLOW, "eval(p.sub) && r.obj == p.obj && r.act == p.act", "`eval(p_sub)`"),
        ("sub, obj, act", "g = _, _", ALLOW, "r.sub == r.obj.Owner", "`r_sub == r_obj.Owner`"),
        (
            "sub, obj, act",
            "g = _, _",
            ALLOW,
            "g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act",
            "`g(r_obj, p_obj)`",
        ),
        ("obj, act", "g = _, _", ALLOW, "r.obj == p.obj && r.act == p.act", "no term for the subject"),
        (
            "sub, obj, act",
            "g = _, _, (_, _)",
            ALLOW,
            "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act",
            "role definition",
        ),
        (
            "sub, dom, obj, act",
            "g = _, _, _",
            ALLOW,
            "g(r.sub, p.sub, r.dom) && regexMatch(r.dom, p.dom) && r.obj == p.obj && r.act == p.act",
            "for the domain",
        ),
    ] {
        let error = model(policy, roles, effect, matcher).unwrap_err().to_string();
        assert!(error.contains(said), "{matcher}: {error}");
    }
    assert!(ForeignModel::read("", None).is_err() && ForeignModel::read("[[[\n=\n\\", None).is_err());
    let deep = format!("{}r.sub == p.sub{}", "(".repeat(5000), ")".repeat(5000));
    assert!(model("sub, obj, act", "g = _, _", ALLOW, &deep).is_err());
}

#[test]
fn a_pattern_with_braces_is_compiled_only_where_all_functions_for_braces_agree() {
    for (text, made) in [
        ("/a/{x}/b/{y}", Some("/a/:name/b/:name")),
        ("/a/*", Some("/a/*")),
        ("/a/{x}/b/{x}", None),
        ("/a/x{y}", None),
        ("/a/{}", None),
        ("/a?b={c}", None),
        ("/a/:b", None),
    ] {
        assert_eq!(with_colons(text).as_deref(), made, "{text}");
    }
    let all = BTreeSet::from([By::Equal, By::Colon, By::Star]);
    let pattern = TextPattern::compile(&all, "/a/:x").unwrap();
    assert!(pattern.matches("/a/b") && pattern.matches("/a/:x") && !pattern.matches("/a/b/c"));
    assert!(TextPattern::compile(&BTreeSet::from([By::Regex]), "(").is_none());
}

#[test]
fn a_user_may_do_everything_only_where_the_matcher_compares_the_subject_itself() {
    let plain = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
    let read =
        model("sub, obj, act", "g = _, _", ALLOW, &format!("r.sub == \"root\" || ({plain}) || r.sub == \"ann\""));
    assert_eq!(read.unwrap().superusers, ["root", "ann"]);
    for other in ["p.sub == \"root\"", "r.sub != \"root\"", "r.dom == \"root\"", "r.obj == p.obj"] {
        assert!(model("sub, obj, act", "g = _, _", ALLOW, &format!("{plain} || {other}")).is_err(), "{other}");
    }
}
