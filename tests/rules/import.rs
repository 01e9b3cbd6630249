//! Policies of other Casbin systems (R35a), compared with casbin's own Enforcer over the same lines.

use std::cell::Cell;

use bailiwick::domain::import::{Absent, Imported, PolicyLine, Refused, Says};
use casbin::{Adapter, CoreApi, DefaultModel, Enforcer, MemoryAdapter};
use proptest::prelude::*;

use super::*;

const USERS: [&str; 4] = ["ann", "bob", "cyd", "dan"];
const ROLES: [&str; 7] = ["admin", "ops", "Head of Sales", "data2_admin", "desk", "guest", "manager"];
const PATTERNS: [&str; 7] =
    ["crm", "crm/deals", "crm/deals/big", "crm/*", "crm/deals/*", "voice/queues", "voice/queues/*"];
const OBJECTS: [&str; 8] = [
    "crm",
    "crm/deals",
    "crm/deals/big",
    "crm/deals/big/one",
    "crm/leads",
    "voice",
    "voice/queues",
    "voice/queues/sales",
];

/// Makes a tenant with four agents, who may do nothing.
fn tenant() -> World {
    let mut world = World::new();
    for user in USERS {
        world.staff(user, BaseRole::Agent);
    }
    world
}

/// Lines such as `p ops crm/* read allow` and `g ann ops`; `~` stands for a space in a name.
fn lines(texts: &[impl AsRef<str>]) -> Vec<PolicyLine> {
    let name = |text: &str| key(&text.replace('~', " "));
    let says = |text: &str| match text.split(' ').collect::<Vec<_>>()[..] {
        ["p", subject, object, action, effect] => {
            let effect = if effect == "deny" { Effect::Deny } else { Effect::Allow };
            Says::Permission {
                subject: name(subject),
                grant: Grant { object: key(object), action: key(action), effect },
            }
        }
        ["g", member, role] => Says::Membership { member: name(member), role: name(role) },
        _ => panic!("{text}"),
    };
    (1..).zip(texts).map(|(number, text)| PolicyLine { number, says: says(text.as_ref()) }).collect()
}

impl World {
    fn bring(&mut self, texts: &[impl AsRef<str>]) -> Result<Imported, Refused> {
        let mut copy = self.state.clone();
        let mut ids = 0_u128;
        let done = copy.import_policy(&CATALOGUE, &lines(texts), Absent::Refuse, &mut || {
            ids += 1;
            Uuid::from_u128(ids)
        })?;
        self.state = copy;
        Ok(done)
    }

    /// Returns the bad lines: `LINE:COLUMN CODE`.
    fn bad(&self, texts: &[impl AsRef<str>]) -> Vec<String> {
        let Err(Refused::Lines(bad)) = self.clone().bring(texts) else { panic!("not refused by line") };
        let line =
            |line: &bailiwick::domain::import::BadLine| format!("{}:{} {}", line.number, line.column, line.error.code);
        bad.told.iter().map(line).collect()
    }

    /// Returns the message of the first bad line.
    fn told(&self, texts: &[impl AsRef<str>]) -> String {
        let Err(Refused::Lines(bad)) = self.clone().bring(texts) else { panic!("not refused by line") };
        bad.told[0].error.message.clone()
    }
}

/// Builds casbin's own Enforcer over the lines.
async fn enforcer(texts: &[String]) -> Enforcer {
    let mut adapter = MemoryAdapter::default();
    for text in texts {
        let mut values: Vec<String> = text.split(' ').map(|value| value.replace('~', " ")).collect();
        let ptype = values.remove(0);
        values.insert(if ptype == "p" { 1 } else { 2 }, "acme".to_owned());
        adapter.add_policy(&ptype, &ptype, values).await.unwrap();
    }
    Enforcer::new(DefaultModel::from_str(MODEL).await.unwrap(), adapter).await.unwrap()
}

/// Generates lines that can be imported: roles hold later ones, and each that holds is held.
fn policies(mark: &'static str) -> impl Strategy<Value = Vec<String>> {
    let number = |below: usize| 0..below;
    let line =
        (number(10), number(ROLES.len()), number(ROLES.len()), number(USERS.len()), number(PATTERNS.len()), number(18));
    proptest::collection::vec(line, 20..60).prop_map(move |picks| {
        let role = |at: usize| ROLES[at].replace(' ', "~");
        let mut lines = Vec::new();
        for (kind, one, other, user, pattern, how) in picks {
            let user = format!("{mark}{}", USERS[user]);
            let may = format!(
                "{} {} {}",
                PATTERNS[pattern],
                ["read", "GET", "*"][how % 3],
                if how < 2 { "deny" } else { "allow" }
            );
            let line = match kind {
                0..=3 => format!("p {} {may}", role(one)),
                4 => format!("p {user} {may}"),
                5..=7 => format!("g {user} {}", role(one)),
                _ if one == other => continue,
                _ => {
                    let (upper, lower) = (role(one.min(other)), role(one.max(other)));
                    lines.push(format!("g {mark}{} {upper}", USERS[0]));
                    format!("g {upper} {lower}")
                }
            };
            lines.push(line);
        }
        lines
    })
}

#[test]
fn r35a_whatever_is_imported_is_decided_as_casbin_decides_it_and_the_same_again_changes_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for mark in ["", "user:"] {
        let (allowed, denied, by_rule) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let same = |texts: Vec<String>| {
            let mut world = tenant();
            let imported = world.bring(&texts).unwrap();
            let enforcer = runtime.block_on(enforcer(&texts));
            let policy = world.policy();
            for (user, object, action) in USERS.iter().flat_map(|user| {
                OBJECTS.iter().flat_map(move |object| ["read", "GET", "get"].map(|action| (user, object, action)))
            }) {
                let theirs = enforcer.enforce((format!("{mark}{user}"), "acme", *object, action)).unwrap();
                let ours = policy.decide(&CATALOGUE, &Subject::User(key(user)), &key(object), &key(action));
                prop_assert_eq!(ours.allowed, theirs, "{} {} {}", user, action, object);
                let counter = match ours.reason {
                    DecisionReason::Allowed => &allowed,
                    DecisionReason::DeniedByRule => &by_rule,
                    _ => &denied,
                };
                counter.set(counter.get() + 1);
            }
            let before = world.state.clone();
            prop_assert_eq!(world.bring(&texts).unwrap(), Imported::default());
            prop_assert_eq!(&world.state, &before);
            let grants = world.state.roles.values().map(|role| role.grants.len() as u64).sum::<u64>();
            prop_assert_eq!((imported.roles, imported.grants), (world.state.roles.len() as u64, grants));
            Ok(())
        };
        runner().run(&policies(mark), same).unwrap();
        let (allowed, denied, by_rule) = (allowed.get(), denied.get(), by_rule.get());
        let all = allowed + denied + by_rule;
        assert!(allowed * 4 > all && by_rule * 20 > all && denied * 4 > all, "{allowed} {denied} {by_rule}");
    }
}

#[test]
fn r35b_a_line_on_a_section_that_became_others_is_refused() {
    let world = tenant();
    let texts = [
        "p desk crm/deals read allow",
        "p desk analytics/extracted-reports/* read allow",
        "p ann analytics/extracted-reports read deny",
        "p desk analytics/extracted-reports-of-others read allow",
        "g ann desk",
    ];
    assert_eq!(world.bad(&texts), ["2:2 INVALID", "3:2 INVALID"]);
    assert!(world.told(&texts).contains("`analytics/custom-extracted-reports`"));
}

#[test]
fn r35a_a_role_becomes_a_custom_role_and_a_group_gives_it_with_all_that_it_holds() {
    let mut world = tenant();
    let texts = [
        "p desk crm/deals read allow",
        "p ops crm/* edit allow",
        "g ops desk",
        "g ann ops",
        "p bob crm/leads read deny",
    ];
    let imported = world.bring(&texts).unwrap();
    assert_eq!(imported, Imported { roles: 3, grants: 3, groups: 2, members: 2 });
    assert_eq!(world.rules_of("group:ops"), ["g custom:desk", "g custom:ops"]);
    assert_eq!(world.rules_of("custom:ops"), ["crm/* edit allow"]);
    assert_eq!(world.rules_of("user:ann"), ["g group:ops", "g role:agent", "g role:member"]);
    assert_eq!(world.rules_of("user:bob"), ["g group:bob", "g role:agent", "g role:member"]);
    assert!(world.state.groups.get("desk").is_none(), "nobody holds it but a role");
}

#[test]
fn a_built_in_role_is_not_what_a_file_calls_by_its_name() {
    let mut world = tenant();
    world
        .bring(&["p admin crm read allow", "g ann admin", "p Head~of~Sales crm edit allow", "g ann Head~of~Sales"])
        .unwrap();
    assert_eq!(world.rules_of("user:ann"), ["g group:admin", "g group:head-of-sales", "g role:agent", "g role:member"]);
    assert_eq!(world.rules_of("group:admin"), ["g custom:admin-2"]);
    assert_eq!(world.state.roles.get("head-of-sales").unwrap().name.as_str(), "Head of Sales");
    assert!(!world.allowed("ann", "read", "admin/users"));
}

#[test]
fn a_user_who_is_not_there_is_named_at_each_of_its_lines_and_never_made_a_role() {
    let world = tenant();
    let texts = ["p desk crm read allow", "g zoe desk", "g ann desk", "p zoe crm edit allow"];
    assert_eq!(world.bad(&texts), ["2:2 NOT_FOUND", "4:2 NOT_FOUND"]);
    assert_eq!(world.bad(&["p user:zoe crm read allow", "p desk crm read allow"]), ["1:2 NOT_FOUND"]);
    // A role above another that nobody holds looks the same, and is told the way out.
    let above = ["p senior crm edit allow", "g senior desk", "g ann desk"];
    assert_eq!(world.bad(&above), ["1:2 NOT_FOUND", "2:2 NOT_FOUND"]);
    assert!(world.told(&above).contains("write each user as `user:KEY`"), "{}", world.told(&above));
    // Nobody's, and of no user: a role that can be given later.
    let mut world = world;
    assert_eq!(world.bring(&["p zoe crm edit allow"]).unwrap().groups, 0);
    assert!(world.state.roles.contains_key("zoe"));
}

#[test]
fn a_name_that_is_nearly_a_users_is_a_slip_and_no_denial_binds_nobody() {
    let mut world = tenant();
    for slip in [
        &["p Ann crm/* * deny"][..],
        &["g ANN desk", "p desk crm read allow"],
        &["p user:bob crm read allow", "p ann crm/* * deny"],
        &["p user:bob crm read allow", "p Ann crm/* * deny"],
        &["p user:bob crm read allow", "p User:ann crm/* * deny"],
        &["g user:bob desk", "g user~:ann desk"],
        &["p USER:Ann crm/* * deny"],
        &["p desk crm read allow", "g user:bob desk", "g ann desk"],
    ] {
        let bad = world.bad(slip);
        assert!(bad.len() == 1 && bad[0].ends_with(":2 INVALID"), "{slip:?} {bad:?}");
        let told = world.told(slip);
        assert!(told.contains("write `user:ann`") || told.contains("ann`: write it so"), "{told}");
    }
    assert_eq!(world.bad(&["p User:zoe crm/* * deny"]), ["1:2 NOT_FOUND"]);
    world.bring(&["p Ann crm read allow", "g bob Ann"]).unwrap();
    assert!(world.allowed("bob", "read", "crm"), "who is held is a role, whatever it looks like");
}

#[test]
fn thousands_of_names_that_make_the_same_key_get_one_each_also_beside_others() {
    let mut world = tenant();
    let lines = |of: &str| (0..5_000).map(|n| format!("p 角{of}{n} crm/{n} read allow")).collect::<Vec<_>>();
    for of in ["一", "二"] {
        assert_eq!(world.bring(&lines(of)).unwrap().roles, 5_000);
    }
    assert_eq!(world.state.roles.len(), 10_000);
    assert_eq!(world.bring(&lines("一")).unwrap(), Imported::default());
}

#[test]
fn a_name_is_a_users_or_a_roles_and_a_file_that_marks_its_users_says_which() {
    let world = tenant();
    let clash = ["p ann crm read allow", "g bob ann"];
    assert_eq!(world.bad(&clash), ["1:2 INVALID", "2:3 INVALID"]);
    assert!(world.told(&clash).contains("`user:KEY`"), "{}", world.told(&clash));
    assert_eq!(world.bad(&["g user:bob user:ann"]), ["1:3 INVALID"]);
    let mut world = world;
    world.bring(&["p ann crm read allow", "g user:bob ann"]).unwrap();
    assert!(world.allowed("bob", "read", "crm") && !world.allowed("ann", "read", "crm"));
    // There a role may hold others, and nobody it.
    world.bring(&["p user:cyd crm read allow", "g boss desk"]).unwrap();
    assert_eq!(world.rules_of("group:boss"), ["g custom:boss", "g custom:desk"]);
}

#[test]
fn roles_that_hold_each_other_are_refused_with_the_way_round() {
    let world = tenant();
    let cycle = ["g ann a", "g a b", "g b c", "g c b", "g x a", "g bob x"];
    assert_eq!(world.bad(&cycle), ["4:3 INVALID"]);
    assert!(world.told(&cycle).contains("`b → c → b`"), "{}", world.told(&cycle));
    assert!(world.told(&["g ann a", "g a a"]).contains("`a → a`"));
}

#[test]
fn a_chain_is_as_long_as_every_casbin_follows_and_no_longer() {
    let chain = |links: usize| {
        let mut lines = vec!["g ann r1".to_owned()];
        lines.extend((1..links).map(|n| format!("g r{n} r{}", n + 1)));
        lines.push(format!("p r{links} crm read allow"));
        lines
    };
    let mut world = tenant();
    world.bring(&chain(8)).unwrap();
    assert!(world.allowed("ann", "read", "crm"));
    assert_eq!(tenant().bad(&chain(9)).len(), 1);
    assert!(
        tenant().told(&chain(9)).contains("`r1 → r2 → r3 → r4 → r5 → r6 → r7 → r8 → r9`"),
        "{}",
        tenant().told(&chain(9))
    );
    // A short way beside the long one does not make that one shorter.
    let mut both = chain(9);
    both.push("g ann r9".to_owned());
    assert_eq!(tenant().bad(&both).len(), 1);
}

#[test]
fn what_is_there_and_says_something_else_is_refused_and_stays() {
    let mut world = tenant();
    world.role("desk", "", &["allow read crm"]).unwrap();
    world.role("lead", "reports", &[]).unwrap();
    world.group("crew", "desk", "", "ann").unwrap();
    assert_eq!(world.bad(&["p desk crm edit allow"]), ["1:2 ALREADY_EXISTS"]);
    assert_eq!(world.bad(&["g ann lead"]), ["1:3 ALREADY_EXISTS"], "it has permissions too");
    assert_eq!(world.bad(&["p crew crm read allow", "g bob crew"]), ["1:2 ALREADY_EXISTS"]);
    // A grant or link that exists already is not made twice.
    let imported = world.bring(&["p desk crm read allow", "g ann desk"]).unwrap();
    assert_eq!(imported, Imported { roles: 0, grants: 0, groups: 1, members: 1 });
}

#[test]
fn what_would_become_too_much_is_refused_as_a_whole() {
    let refused = |texts: &[String]| match tenant().bring(texts) {
        Err(Refused::Whole(error)) => error.code == ErrorCode::TooLarge,
        _ => false,
    };
    let roles: Vec<String> = (0..=10_000).map(|n| format!("p r{n} crm read allow")).collect();
    assert!(refused(&roles));
    // 500 roles that each hold 500 others carry a quarter of a million.
    let mut wide: Vec<String> = (0..500).flat_map(|n| [format!("g ann top{n}"), format!("g top{n} hub")]).collect();
    wide.extend((0..500).map(|n| format!("g hub low{n}")));
    assert!(refused(&wide));
}
