//! The small tenant that a model is asked about: one of each kind of thing that rules are compiled from.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::Change;
use crate::domain::catalogue::{Catalogue, DataView, Module, Permission, Rights, Section};
use crate::domain::group::GroupChange;
use crate::domain::key::Action;
use crate::domain::key::{
    ActionPattern, DataViewKey, GroupKey, ModuleKey, ObjectPattern, PermissionKey, ProfileKey, ResourceKey, RoleKey,
    SectionKey, TenantKey, UserKey,
};
use crate::domain::name::Name;
use crate::domain::profile::{Association, NewProfile, PermissionType, ProfileSection};
use crate::domain::role::{Effect, Grant, RoleChange, RoleRef};
use crate::domain::tenant::TenantState;
use crate::domain::user::{BaseRole, UserChange};
use crate::error::Result;

/// Makes the tenant, with the catalogue of what it can grant: the module `desk` is licensed, `shop` is not.
pub(super) fn state() -> Result<(Catalogue, TenantState)> {
    let catalogue = catalogue()?;
    let mut state = TenantState::empty(TenantKey::parse("small")?);
    state.set_licence(&catalogue, [ModuleKey::parse("desk")?].into())?;
    add_profile(&mut state)?;
    let tickets = |end: &str| format!("desk/tickets/{end}");
    let hand = [
        grant(&tickets("*"), "read", Effect::Allow)?,
        grant(&tickets("open"), "*", Effect::Allow)?,
        grant(&tickets("closed"), "read", Effect::Deny)?,
        grant("shop/*", "read", Effect::Allow)?,
    ];
    add_role(&mut state, &catalogue, "hand", hand)?;
    let printer = [grant(&tickets("*"), "print", Effect::Allow)?, grant(&tickets("open"), "*", Effect::Deny)?];
    add_role(&mut state, &catalogue, "printer", printer)?;
    add_users(&mut state)?;
    add_group(&mut state, &catalogue, "crew", &["hand"], &["gus", "two", "off"])?;
    add_group(&mut state, &catalogue, "late", &["printer"], &["two"])?;
    Ok((catalogue, state))
}

fn catalogue() -> Result<Catalogue> {
    let sections = [("desk", &["tickets", "people", "lines"][..]), ("shop", &["orders"]), ("admin", &["users"])];
    let modules = sections.into_iter().map(|(module, sections)| {
        Ok(Module {
            key: ModuleKey::parse(module)?,
            name: module.to_owned(),
            optional: false,
            platform: module == "admin",
            in_profiles: true,
            sections: sections.iter().map(|name| section(&format!("{module}/{name}"))).collect::<Result<_>>()?,
        })
    });
    let contacts = DataView { key: DataViewKey::parse("contacts")?, name: "Contacts".to_owned(), masks_contacts: true };
    let lines = Permission {
        key: PermissionKey::parse("lines")?,
        name: "Lines".to_owned(),
        description: String::new(),
        requires: Vec::new(),
        pairs: vec![(ObjectPattern::parse("desk/lines")?, Action::edit())],
    };
    Ok(Catalogue::new(modules.collect::<Result<_>>()?, vec![contacts], vec![lines], String::new()))
}

fn section(key: &str) -> Result<Section> {
    Ok(Section {
        key: SectionKey::parse(key)?,
        name: key.to_owned(),
        holds_resources: true,
        rights: Rights::ALL,
        download: false,
        links: Vec::new(),
        hiding_links: Vec::new(),
        goes_with: Vec::new(),
        built_in: Vec::new(),
        data_view: None,
        unmasked_by_edit: false,
        entries: false,
        shown_under: None,
        members: None,
        formerly: None,
    })
}

/// Adds a masking profile that lists one ticket.
fn add_profile(state: &mut TenantState) -> Result<()> {
    let key = state.create_profile(NewProfile {
        id: Uuid::from_u128(1),
        key: Some(ProfileKey::parse("masked")?),
        name: Name::parse("Masked")?,
        description: String::new(),
        permission_type: PermissionType::ReadEdit,
        mask_sensitive_data: true,
    })?;
    let Some(mut profile) = state.profiles.get(&key).cloned() else { return Ok(()) };
    let listed = Association::Manual([ResourceKey::parse("one")?].into());
    let section = ProfileSection { enabled: true, visible: true, rights: None, association: listed };
    profile.sections.insert(SectionKey::parse("desk/tickets")?, section);
    state.profiles.insert(key, profile);
    Ok(())
}

fn grant(object: &str, action: &str, effect: Effect) -> Result<Grant> {
    Ok(Grant { object: ObjectPattern::parse(object)?, action: ActionPattern::parse(action)?, effect })
}

fn add_role<const N: usize>(
    state: &mut TenantState,
    catalogue: &Catalogue,
    key: &str,
    grants: [Grant; N],
) -> Result<()> {
    let change = RoleChange { grants: Some(grants.into()), ..RoleChange::default() };
    let id = Uuid::from_u128(10 + state.roles.len() as u128);
    state.create_role(catalogue, id, Some(RoleKey::parse(key)?), Name::parse(key)?, change).map(drop)
}

fn add_users(state: &mut TenantState) -> Result<()> {
    let users = [
        ("ada", BaseRole::Admin),
        ("max", BaseRole::Manager),
        ("hal", BaseRole::Manager),
        ("una", BaseRole::User),
        ("ann", BaseRole::Agent),
        ("gus", BaseRole::Agent),
        ("two", BaseRole::Agent),
        ("off", BaseRole::Agent),
        ("sid", BaseRole::Service),
    ];
    for (id, (key, base_role)) in (100_u128..).zip(users) {
        let change = UserChange {
            enabled: Some(key != "off"),
            profile: if key == "una" { Change::Set(ProfileKey::parse("masked")?) } else { Change::Keep },
            role: if key == "hal" { Change::Set(RoleKey::parse("hand")?) } else { Change::Keep },
            ..UserChange::default()
        };
        state.add_user(Uuid::from_u128(id), &UserKey::parse(key)?, base_role, change)?;
    }
    Ok(())
}

fn add_group(
    state: &mut TenantState,
    catalogue: &Catalogue,
    key: &str,
    roles: &[&str],
    members: &[&str],
) -> Result<()> {
    let change = GroupChange {
        name: None,
        roles: Some(roles.iter().map(|role| RoleRef::parse(role)).collect::<Result<_>>()?),
        permissions: Some([PermissionKey::parse("lines")?].into()),
    };
    let members: BTreeSet<UserKey> = members.iter().map(|key| UserKey::parse(key)).collect::<Result<_>>()?;
    let id = Uuid::from_u128(50 + state.groups.len() as u128);
    let key = GroupKey::parse(key)?;
    let name = Name::parse(key.as_str())?;
    state.create_group(catalogue, id, Some(key), name, change, members).map(drop)
}
