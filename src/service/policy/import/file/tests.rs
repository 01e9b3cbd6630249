use super::*;

fn read_text(text: &str) -> Result<Vec<PolicyLine>, Refused> {
    read(&TenantKey::parse("acme").unwrap(), text, &Reading::default()).map(|read| read.lines)
}

/// Returns the lines in the form of rules, with their numbers.
fn lines(text: &str) -> Vec<String> {
    let line = |line: PolicyLine| match line.says {
        Says::Permission { subject, grant: Grant { object, action, effect } } => {
            format!("{} p {subject} {object} {action} {}", line.number, effect.as_ref())
        }
        Says::Membership { member, role } => format!("{} g {member} {role}", line.number),
        Says::Role { role } => format!("{} role {role}", line.number),
    };
    read_text(text).unwrap().into_iter().map(line).collect()
}

/// Returns the places of the bad lines.
fn faults(text: &str) -> Vec<(u64, usize, ErrorCode)> {
    let Err(Refused::Lines(bad)) = read_text(text) else { panic!("not refused") };
    bad.told.into_iter().map(|line| (line.number, line.column, line.error.code)).collect()
}

#[test]
fn a_line_may_leave_out_its_domain_and_its_effect() {
    for line in [
        "p, ops, crm/deals, read",
        "p, ops, crm/deals, read, allow",
        "p, ops, acme, crm/deals, read",
        "p,ops,acme,crm/deals,read,allow",
    ] {
        assert_eq!(lines(line), ["1 p ops crm/deals read allow"], "{line}");
    }
    assert_eq!(
        lines("p, ops, crm/*, *, deny\ng, dana, ops\ng, dana, ops, acme"),
        ["1 p ops crm/* * deny", "2 g dana ops", "3 g dana ops"]
    );
    assert_eq!(faults("p, ops, acme, read, deny"), [(1, 5, ErrorCode::Invalid)], "it can be read in two ways");
}

#[test]
fn a_file_may_have_comments_empty_lines_quotes_and_the_line_ends_of_any_system() {
    let text =
        "\u{feff}# all\r\n\r\n  p , \"Head of Sales, EMEA\" ,\t\"crm/deals\", read \r\n\t# more\n\ng,\"dana\",\"ops\"";
    assert_eq!(lines(text), ["3 p Head of Sales, EMEA crm/deals read allow", "6 g dana ops"]);
    assert_eq!(lines(""), [""; 0]);
}

#[test]
fn every_bad_line_is_named_by_its_number_and_column() {
    for (line, column, code) in [
        ("p2, ops, crm, read", 1, ErrorCode::Invalid),
        ("ptype, v0, v1, v2", 1, ErrorCode::Invalid),
        ("P, ops, crm, read", 1, ErrorCode::Invalid),
        ("p, ops, crm", 1, ErrorCode::Invalid),
        ("p, ops, acme, crm, read, allow, more", 1, ErrorCode::Invalid),
        ("p, , crm, read", 2, ErrorCode::Invalid),
        ("p, *, crm, read, deny", 2, ErrorCode::Invalid),
        ("g, sales-*, ops", 2, ErrorCode::Invalid),
        ("g, dana, *", 3, ErrorCode::Invalid),
        ("p, ops, globex, crm, read, allow", 3, ErrorCode::Invalid),
        ("p, ops, globex, crm, read", 3, ErrorCode::Invalid),
        ("p, ops, *, read", 3, ErrorCode::Invalid),
        ("p, ops, /crm, read", 3, ErrorCode::Invalid),
        ("p, ops, crm/*/x, read", 3, ErrorCode::Invalid),
        ("p, ops, acme, crm*, read, allow", 4, ErrorCode::Invalid),
        ("p, ops, crm, 1read", 4, ErrorCode::Invalid),
        ("p, ops, crm, read # why", 4, ErrorCode::Invalid),
        ("p, ops, acme, crm, read, Allow", 6, ErrorCode::Invalid),
        ("p, ops, admin/users, read, deny", 3, ErrorCode::ProtectedRole),
        ("p, ops, acme, admin/*, *, deny", 4, ErrorCode::ProtectedRole),
        ("p, ops, admin/settings, read", 3, ErrorCode::ProtectedRole),
        ("p, ops, admin/*, read", 3, ErrorCode::ProtectedRole),
        ("g, dana", 1, ErrorCode::Invalid),
        ("g, dana, ops, acme, more", 1, ErrorCode::Invalid),
        ("g, dana, ops, globex", 4, ErrorCode::Invalid),
        ("g, dana, ", 3, ErrorCode::Invalid),
        ("p, \"ops, crm, read", 2, ErrorCode::Invalid),
        ("p, \"ops\" x, crm, read", 2, ErrorCode::Invalid),
        ("p, op\"s\", crm, read", 2, ErrorCode::Invalid),
        ("p, ops, cr\0m, read", 1, ErrorCode::Invalid),
    ] {
        let text = format!("# first\n{line}\n");
        assert_eq!(faults(&text), [(2, column, code)], "{line}");
    }
    // Only before the first line is a byte order mark none of its text.
    assert_eq!(faults("\n\u{feff}p, ops, crm, read"), [(2, 1, ErrorCode::Invalid)]);
}

#[test]
fn of_many_bad_lines_the_first_hundred_are_told_and_all_are_counted() {
    let Err(Refused::Lines(bad)) = read_text(&"p, ops\n".repeat(250)) else { panic!("not refused") };
    let numbers: Vec<u64> = bad.told.iter().map(|line| line.number).collect();
    assert_eq!((numbers, bad.count), ((1..=100).collect(), 250));
}

#[test]
fn a_file_above_the_bounds_is_not_read_to_its_end() {
    let too_large = |text: &str| match read_text(text) {
        Err(Refused::Whole(error)) => error.code == ErrorCode::TooLarge,
        _ => false,
    };
    let rule = "p, ops, crm, read\n";
    assert!(too_large(&rule.repeat(RULES_MAX + 1)));
    assert_eq!(read_text(&rule.repeat(RULES_MAX)).unwrap().len(), RULES_MAX);
    assert!(too_large(&"#".repeat(BYTES_MAX + 1)));
}

/// Reads a file with a model of this matcher, in which `g2` lines have no domain.
fn read_by(matcher: &str, text: &str) -> Result<Vec<PolicyLine>, Refused> {
    let reading = Reading { model: Some(model("sub, obj, act", "g = _, _\ng2 = _, _", matcher)), ..Reading::default() };
    read(&TenantKey::parse("acme").unwrap(), text, &reading).map(|read| read.lines)
}

fn model(columns: &str, roles: &str, matcher: &str) -> String {
    format!(
        "[request_definition]\nr = {columns}\n[policy_definition]\np = {columns}\n[role_definition]\n{roles}\n\
         [policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = {matcher}\n"
    )
}

/// Returns the places of the bad lines with their messages, or the code of what refuses the file as a whole.
fn refusal(read: Result<Vec<PolicyLine>, Refused>) -> Result<Vec<(u64, usize, String)>, ErrorCode> {
    match read.expect_err("not refused") {
        Refused::Lines(bad) => {
            Ok(bad.told.into_iter().map(|line| (line.number, line.column, line.error.to_string())).collect())
        }
        Refused::Whole(error) => Err(error.code),
    }
}

/// Returns the places of the bad lines of a file that is read with a model of this matcher.
fn faults_by(matcher: &str, text: &str) -> Vec<(u64, usize)> {
    let bad = refusal(read_by(matcher, text)).expect("a line is bad");
    bad.into_iter().map(|(number, column, _)| (number, column)).collect()
}

/// Returns numbered texts with this between them.
fn numbered(count: usize, between: &str, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join(between)
}

const REGEX: &str = "g(r.sub, p.sub) && g2(r.obj, p.obj) && regexMatch(r.act, p.act)";
const EQUAL: &str = "g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act";

#[test]
fn one_line_stands_for_no_more_than_the_bounds() {
    let of = |count| format!("p, ops, crm, {}\n", numbered(count, "|", |n| format!("a{n}z")));
    assert_eq!(read_text(&of(100)).unwrap().len(), 100);
    let bad = refusal(read_text(&of(101))).unwrap();
    assert_eq!((bad[0].0, bad[0].1), (1, 4));
    assert!(bad[0].2.contains("at most 100 actions"), "{bad:?}");
    assert_eq!(refusal(read_text(&of(120_000))).unwrap().len(), 1);
    // Actions that are no regular expressions are as many as the rules.
    let plain = |count| numbered(count, "\n", |n| format!("p, ops, crm, a{n}z"));
    assert_eq!(read_text(&plain(1_001)).unwrap().len(), 1_001);
    let regular = |count| format!("{}\np, ops, crm, (a0z)\n", plain(count));
    assert_eq!(read_text(&regular(1_000)).unwrap().len(), 1_001);
    assert_eq!(refusal(read_text(&regular(1_001))), Err(ErrorCode::TooLarge));
}

#[test]
fn the_rules_of_a_file_are_counted_before_they_are_made() {
    let members = numbered(2_000, "\n", |n| format!("g2, o{n}, all"));
    let actions = numbered(60, "|", |n| format!("a{n}z"));
    let text = format!("{members}\np, ops, all, {actions}\n");
    assert_eq!(refusal(read_by(REGEX, &text)), Err(ErrorCode::TooLarge));
    // Bad lines take room as well.
    let bad = format!("{members}\ng2, /bad, all\n{}", "p, ops, all, read\n".repeat(60));
    assert_eq!(refusal(read_by(EQUAL, &bad)), Err(ErrorCode::TooLarge));
    assert_eq!(read_by(EQUAL, &format!("{members}\np, ops, all, read\n")).unwrap().len(), 2_001);
}

#[test]
fn an_anchored_expression_is_its_own_actions_and_another_one_all_that_contain_it() {
    let text = "p, ops, crm, ^(P|GET)$\np, lead, crm, P\np, desk, crm, POST\n";
    let read = read_by(REGEX, text).unwrap();
    let numbers: Vec<u64> = read.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [1, 1, 2, 2, 3]);
}

#[test]
fn a_space_beside_an_alternative_is_part_of_it_for_casbin_and_refused() {
    for action in ["GET | DELETE", "(GET )|(DELETE)", "GET| DELETE", "^(GET |DELETE)$", "(GET) | (DELETE)"] {
        assert_eq!(faults(&format!("p, ops, crm, {action}")), [(1, 4, ErrorCode::Invalid)], "{action}");
    }
    assert_eq!(lines("p, ops, crm, GET|DELETE").len(), 2);
}

#[test]
fn a_colon_within_a_segment_is_a_pattern_of_key_match_2() {
    let objects = "r.sub == p.sub && keyMatch2(r.obj, p.obj) && r.act == p.act";
    let text = "p, ops, crm/a:b, read\np, ops, crm/:b, read\np, ops, crm, read:all\n";
    assert_eq!(faults_by(objects, text), [(1, 3), (2, 3)]);
    for (call, action) in [
        ("keyMatch2", "read:all"),
        ("keyMatch2", "re.d"),
        ("keyMatch3", "read{all}"),
        ("globMatch", "rea?"),
        ("globMatch", "rea[dl]"),
        ("globMatch", "*"),
    ] {
        let matcher = format!("r.sub == p.sub && r.obj == p.obj && {call}(r.act, p.act)");
        let text = format!("p, ops, crm, read\np, ops, crm, {action}\n");
        assert_eq!(faults_by(&matcher, &text), [(2, 4)], "{call} {action}");
    }
    let equal = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
    assert_eq!(faults_by(equal, "p, ops, crm, read:all\np, ops, crm, *\n"), [(2, 4)]);
    // Without the model, a colon is most likely a name's.
    assert_eq!(lines("p, ops, crm/a:b, read").len(), 1);
}

#[test]
fn groups_of_objects_have_chains_of_at_most_eight_links() {
    let chain =
        |links| format!("{}\np, ops, o{links}, read\n", numbered(links, "\n", |n| format!("g2, o{n}, o{}", n + 1)));
    assert_eq!(read_by(EQUAL, &chain(8)).unwrap().len(), 9);
    assert_eq!(faults_by(EQUAL, &chain(9)), [(10, 3)]);
    assert_eq!(faults_by(EQUAL, &chain(50_000)), [(50_001, 3)]);
    let cycle = "g2, a, b\ng2, b, c\ng2, c, a\ng2, a, a\np, ops, a, read\n";
    assert_eq!(read_by(EQUAL, cycle).unwrap().len(), 3);
}

#[test]
fn the_domains_of_a_file_are_read_by_the_form_of_each_kind_of_line() {
    let columns = "sub, dom, obj, act";
    let (g, g2) = ("g(r.sub, p.sub, r.dom)", "g2(r.obj, p.obj, r.dom)");
    let named = |roles: &str, g: &str, g2: &str, text: &str| {
        let matcher = format!("{g} && r.dom == p.dom && {g2} && r.act == p.act");
        domains(text, &Reading { model: Some(model(columns, roles, &matcher)), ..Reading::default() })
    };
    let text = "p, ops, north, crm, read\ng, ann, ops, south\n";
    let all = format!("{text}g2, crm/deals, crm\n");
    assert_eq!(named("g = _, _, _\ng2 = _, _", g, "g2(r.obj, p.obj)", &all).unwrap(), ["north", "south"]);
    let all = format!("{text}g2, crm/deals, crm, west\n");
    assert_eq!(named("g = _, _, _\ng2 = _, _, _", g, g2, &all).unwrap(), ["north", "south", "west"]);
    let all = "p, ops, north, crm, read\ng, ann, ops\ng2, crm/deals, crm, west\n";
    assert_eq!(named("g = _, _\ng2 = _, _, _", "g(r.sub, p.sub)", g2, all).unwrap(), ["north", "west"]);
    let short = format!("{text}g2, crm/deals, crm\n");
    assert!(named("g = _, _, _\ng2 = _, _, _", g, g2, &short).is_err());
}

#[test]
fn lines_of_roles_stand_in_no_order_of_priorities() {
    let model = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = priority, sub, obj, act, eft\n\
                 [role_definition]\ng = _, _\n[policy_effect]\ne = priority(p.eft) || deny\n\
                 [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n";
    let reading = Reading { model: Some(model.to_owned()), ..Reading::default() };
    let warned = |text: &str| {
        let read = read(&TenantKey::parse("acme").unwrap(), text, &reading).unwrap();
        read.warnings.into_iter().map(|warning| warning.number).collect::<Vec<_>>()
    };
    assert_eq!(warned("p, 10, ops, crm/deals, read, allow\np, 20, ops, crm/deals, edit, deny\ng, dana, ops"), [0; 0]);
    let late = "p, 20, ops, crm/deals, edit, deny\ng, dana, ops\np, 10, ops, crm/deals, read, allow";
    assert_eq!(warned(late), [3]);
}
