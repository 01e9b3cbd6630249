//! Users, their base roles and their accounts (R3, R19, R25 to R27, R31).

use super::*;
use bailiwick::domain::tenant::Settings;
use bailiwick::domain::user::{Email, Telephony, Username, check_extension, check_password};
use strum::VariantArray as _;

fn refused(code: ErrorCode, field: &str) -> (ErrorCode, String) {
    (code, field.to_owned())
}

fn becomes(base_role: BaseRole) -> UserChange {
    UserChange { base_role: Some(base_role), ..UserChange::default() }
}

fn with_profile(profile: &str, change: UserChange) -> UserChange {
    UserChange { profile: Change::Set(key(profile)), ..change }
}

fn with_role(role: &str, change: UserChange) -> UserChange {
    UserChange { role: Change::Set(key(role)), ..change }
}

#[test]
fn r3_the_default_admin_stays_as_it_is() {
    let mut world = World::with_dana();
    let off = UserChange { enabled: Some(false), ..UserChange::default() };
    let user = with_profile("supervisors", becomes(BaseRole::User));
    assert_eq!(refusal(world.change_user("ada", off.clone())), refused(ErrorCode::ProtectedUser, "enabled"));
    assert_eq!(refusal(world.change_user("ada", user.clone())), refused(ErrorCode::ProtectedUser, "baseRole"));
    let deleted = refusal(world.change(|state| state.remove_user("ada")));
    assert_eq!(deleted, refused(ErrorCode::ProtectedUser, "key"));
    // Any other admin may go all these ways.
    world.staff("ann", BaseRole::Admin);
    world.change_user("ann", off).unwrap();
    world.change_user("ann", user).unwrap();
    world.change(|state| state.remove_user("ann")).unwrap();
}

#[test]
fn r25_the_last_enabled_admin_of_a_tenant_stays_one() {
    let mut world = World::with_dana();
    // The state of a tenant with which no admin came.
    world
        .change(|state| {
            state.users.get_mut("ada").unwrap().default_admin = false;
            Ok(())
        })
        .unwrap();
    let off = UserChange { enabled: Some(false), ..UserChange::default() };
    let agent = becomes(BaseRole::Agent);
    let last_stays = |world: &mut World, last: &str| {
        assert_eq!(refusal(world.change_user(last, off.clone())), refused(ErrorCode::ProtectedUser, "enabled"));
        assert_eq!(refusal(world.change_user(last, agent.clone())), refused(ErrorCode::ProtectedUser, "baseRole"));
        let deleted = refusal(world.change(|state| state.remove_user(last)));
        assert_eq!(deleted, refused(ErrorCode::ProtectedUser, "key"));
    };
    last_stays(&mut world, "ada");
    world.change_user("ada", UserChange::default()).unwrap();
    // One that is disabled cannot take its place; one that is enabled can.
    world.staff("ann", BaseRole::Admin);
    world.change_user("ann", off.clone()).unwrap();
    last_stays(&mut world, "ada");
    world.change_user("ann", UserChange { enabled: Some(true), ..UserChange::default() }).unwrap();
    world.change_user("ada", agent.clone()).unwrap();
    last_stays(&mut world, "ann");
}

#[test]
fn r19_only_users_hold_a_profile_and_only_managers_a_custom_role() {
    let mut world = World::with_dana();
    world.role("Lead", "reports", &[]).unwrap();
    for base_role in BaseRole::VARIANTS.iter().copied().filter(|role| *role != BaseRole::User) {
        let error = refusal(world.user("x", base_role, with_profile("supervisors", UserChange::default())));
        assert_eq!(error, refused(ErrorCode::ProfileNotAssignable, "profile"), "{base_role:?}");
    }
    for base_role in BaseRole::VARIANTS.iter().copied().filter(|role| *role != BaseRole::Manager) {
        let profile = base_role == BaseRole::User;
        let access = if profile { with_profile("supervisors", UserChange::default()) } else { UserChange::default() };
        let error = refusal(world.user("x", base_role, with_role("lead", access)));
        assert_eq!(error, refused(ErrorCode::RoleNotAssignable, "customRole"), "{base_role:?}");
    }
    assert_eq!(
        refusal(world.user("x", BaseRole::User, UserChange::default())),
        refused(ErrorCode::ProfileRequired, "profile")
    );
    world.manager("mona", "lead");
}

#[test]
fn r19_a_user_that_changes_its_base_role_loses_what_belonged_to_it() {
    let mut world = World::with_dana();
    world.role("Lead", "reports", &[]).unwrap();
    world.change_user("dana", with_role("lead", becomes(BaseRole::Manager))).unwrap();
    let dana = |world: &World| (world.state.users["dana"].profile.clone(), world.state.users["dana"].role.clone());
    assert_eq!(dana(&world), (None, Some(key("lead"))));
    assert_eq!(world.rules_of("user:dana"), ["g custom:lead", "g role:member"]);
    let error = refusal(world.change_user("dana", becomes(BaseRole::User)));
    assert_eq!(error, refused(ErrorCode::ProfileRequired, "profile"));
    world.change_user("dana", with_profile("supervisors", becomes(BaseRole::User))).unwrap();
    assert_eq!(dana(&world), (Some(key("supervisors")), None));
    world.change_user("dana", becomes(BaseRole::Agent)).unwrap();
    assert_eq!(dana(&world), (None, None));
    assert_eq!(world.rules_of("user:dana"), ["g role:agent", "g role:member"]);
}

#[test]
fn r19_a_user_keeps_a_profile_while_it_is_a_user() {
    let mut world = World::with_dana();
    let none = UserChange { profile: Change::Clear, ..UserChange::default() };
    assert_eq!(refusal(world.change_user("dana", none)), refused(ErrorCode::ProfileRequired, "profile"));
    world.role("Lead", "reports", &[]).unwrap();
    world.manager("mona", "lead");
    world.change_user("mona", UserChange { role: Change::Clear, ..UserChange::default() }).unwrap();
    assert_eq!(world.rules_of("user:mona"), ["g role:manager", "g role:member"]);
}

#[test]
fn r19_one_profile_can_be_given_to_many_users_in_one_change() {
    let mut world = World::with_dana();
    world.profile("agents", PermissionType::Read);
    let users = ["eli", "fay", "gil"];
    for user in users {
        world.holder(user, "agents");
    }
    let before = world.clone();
    let give = |state: &mut TenantState, profile: &str| {
        users.iter().try_for_each(|user| state.change_user(user, 1, with_profile(profile, UserChange::default())))
    };
    assert_eq!(refusal(world.change(|state| give(state, "telex"))), refused(ErrorCode::NotFound, "profile"));
    assert_eq!(world.state, before.state);
    world.change(|state| give(state, "supervisors")).unwrap();
    for user in users {
        assert_eq!(world.rules_of(&format!("user:{user}")), world.rules_of("user:dana"), "{user}");
    }
}

#[test]
fn users_name_profiles_roles_and_groups_that_are_there() {
    let mut world = World::with_dana();
    let groups = |groups| UserChange { groups: Some(keys(groups)), ..UserChange::default() };
    let mut add = |base_role, change| refusal(world.user("x", base_role, change));
    assert_eq!(
        add(BaseRole::User, with_profile("telex", UserChange::default())),
        refused(ErrorCode::NotFound, "profile")
    );
    assert_eq!(
        add(BaseRole::Manager, with_role("telex", UserChange::default())),
        refused(ErrorCode::NotFound, "customRole")
    );
    assert_eq!(add(BaseRole::Agent, groups("telex")), refused(ErrorCode::NotFound, "groups"));
    assert_eq!(refusal(world.change_user("dana", groups("telex"))), refused(ErrorCode::NotFound, "groups"));
    assert_eq!(refusal(world.change_user("telex", groups(""))), refused(ErrorCode::NotFound, "key"));
    assert_eq!(refusal(world.change(|state| state.remove_user("telex"))), refused(ErrorCode::NotFound, "key"));
    let stale = world.change(|state| state.change_user("dana", 7, UserChange::default()));
    assert_eq!(refusal(stale), refused(ErrorCode::Conflict, "version"));
}

#[test]
fn r25_each_base_role_has_what_is_its_own() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    world.role("Lead", "automation", &[]).unwrap();
    world.manager("lea", "lead");
    world.staff("mona", BaseRole::Manager);
    world.staff("gus", BaseRole::Agent);
    world.staff("host", BaseRole::Service);
    let all = ACTIONS.join(" ");
    let table = [
        ("voice/queues", [all.as_str(), "show read edit delete", "", "", "", ""]),
        ("voice/queues/sales", [&all, "", "", "", "", ""]),
        ("automation/automation", [&all, "", "show read edit delete", "show read edit delete", "", ""]),
        ("reports/supervision", [&all, "", "show read", "", "", ""]),
        ("admin/users", [&all, "", "", "", "", ""]),
        ("admin/decisions", [&all, "", "", "", "", "read"]),
        ("admin/resources", [&all, "", "", "", "", "edit"]),
        ("data/contacts", [&all, "unmask", "unmask", "unmask", "unmask", "unmask"]),
        ("data/performance", [&all, "unmask identify", "unmask identify", "unmask", "unmask", "unmask"]),
        ("data/website-sales", [&all, "unmask", "read unmask", "unmask", "unmask", "unmask"]),
        ("tenants/acme", ["", "", "", "", "", ""]),
    ];
    for (object, expected) in table {
        let may = ["ada", "dana", "mona", "lea", "gus", "host"].map(|user| world.may(user, object));
        assert_eq!(may, expected, "{object}");
    }
}

#[test]
fn r25_groups_add_to_every_base_role() {
    let mut world = World::with_dana();
    world.staff("gus", BaseRole::Agent);
    world.staff("host", BaseRole::Service);
    world.group("Automators", "", "automation", "ada dana gus host").unwrap();
    for user in ["ada", "dana", "gus", "host"] {
        assert!(world.allowed(user, "edit", "automation/automation/x"), "{user}");
    }
}

#[test]
fn r26_a_username_is_unique_without_regard_to_case() {
    assert_eq!(Username::parse("Dana.K_9").unwrap().key().as_str(), "dana.k_9");
    assert_eq!(Username::parse("Dana.K_9").unwrap().as_str(), "Dana.K_9");
    for bad in ["", ".", "..", "da na", "dana-k", "dana@acme", "däna", "a/b", "a*", &"x".repeat(65)] {
        assert_eq!(refusal(Username::parse(bad)), refused(ErrorCode::Invalid, "username"), "{bad}");
    }
    let mut world = World::with_dana();
    let key = Username::parse("DANA").unwrap().key().to_string();
    let error = refusal(world.user(&key, BaseRole::Agent, UserChange::default()));
    assert_eq!(error, refused(ErrorCode::AlreadyExists, "username"));
}

#[test]
fn r26_an_email_is_valid_and_unique_without_regard_to_case() {
    assert_eq!(Email::parse("Dana@Acme.example").unwrap().unique_form(), "dana@acme.example");
    let long = format!("dana@{}.example", "x".repeat(250));
    for bad in
        ["", "dana", "dana@", "@acme.example", "dana@acme", "Dana <dana@acme.example>", "da\nna@acme.example", &long]
    {
        assert_eq!(refusal(Email::parse(bad)), refused(ErrorCode::Invalid, "email"), "{bad}");
    }
}

#[test]
fn r27_the_security_suite_asks_for_four_kinds_of_characters() {
    let suite = Settings::default();
    let plain = Settings { security_suite: false, ..suite };
    for special in "~!@#$%^&-_=+[{]}".chars() {
        check_password(&suite, &format!("Passw0r{special}")).unwrap();
    }
    for lacking in ["passw0rd!", "PASSW0RD!", "Password!", "Passw0rd", "Passw0rd?"] {
        assert_eq!(refusal(check_password(&suite, lacking)), refused(ErrorCode::WeakPassword, "password"), "{lacking}");
        check_password(&plain, lacking).unwrap();
    }
    for (settings, password) in
        [(&suite, "Pass0r!".to_owned()), (&plain, "1234567".to_owned()), (&plain, "x".repeat(1025))]
    {
        assert_eq!(refusal(check_password(settings, &password)), refused(ErrorCode::WeakPassword, "password"));
    }
}

#[test]
fn r27_a_password_is_not_of_blanks_alone() {
    let plain = Settings { security_suite: false, ..Settings::default() };
    for blank in [" ", "\t", "\u{a0}", "\u{3000}", "\u{200b}", " \u{feff}"] {
        let refusal = refusal(check_password(&plain, &blank.repeat(8)));
        assert_eq!(refusal, refused(ErrorCode::WeakPassword, "password"), "{blank:?}");
    }
    for good in ["       .", "a       ", "пароль12", "\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}é"] {
        check_password(&plain, good).unwrap();
    }
}

#[test]
fn r31_an_extension_has_digits_and_telephony_short_names() {
    for good in ["1", "1001", "0123456789012345"] {
        check_extension(good).unwrap();
    }
    for bad in ["", "10a", "+49", "01234567890123456", "١"] {
        assert_eq!(refusal(check_extension(bad)), refused(ErrorCode::Invalid, "extension"), "{bad}");
    }
    let good = Telephony::default();
    good.check().unwrap();
    assert_eq!(good.context, "from-sip");
    for context in [String::new(), "x".repeat(65), "a\nb".to_owned()] {
        let error = refusal(Telephony { context, ..good.clone() }.check());
        assert_eq!(error, refused(ErrorCode::Invalid, "telephony.context"));
    }
    for groups in [vec![String::new()], vec!["x".repeat(65)], vec!["a\tb".to_owned()], vec!["a".to_owned(); 65]] {
        let error = refusal(Telephony { call_groups: groups.clone(), ..good.clone() }.check());
        assert_eq!(error, refused(ErrorCode::Invalid, "telephony.callGroups"));
        let error = refusal(Telephony { pickup_groups: groups, ..good.clone() }.check());
        assert_eq!(error, refused(ErrorCode::Invalid, "telephony.pickupGroups"));
    }
}
