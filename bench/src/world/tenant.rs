//! A lifelike tenant from a seed: resources of its licensed modules, profiles that open some of
//! them, custom roles, users of every base role, and groups; through the domain's methods alone.
//!
//! Half of its rules are memberships, so that there are about as many `g` as `p` lines. The rights of profiles are
//! shared out by a power law, as are the resources of the sections.

use std::collections::BTreeSet;

use bailiwick::domain::Change;
use bailiwick::domain::catalogue::{Catalogue, Section};
use bailiwick::domain::group::GroupChange;
use bailiwick::domain::key::{
    ActionPattern, GroupKey, ModuleKey, ObjectPattern, PermissionKey, ProfileKey, ResourceKey, RoleKey, TenantKey,
    UserKey,
};
use bailiwick::domain::name::{Name, Timestamp};
use bailiwick::domain::profile::{ModuleSave, NewProfile, PermissionType, SectionSave};
use bailiwick::domain::resource::{BATCH_MAX, NewResource};
use bailiwick::domain::role::{Effect, Grant, RoleChange, RoleRef};
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::{BaseRole, UserChange};
use strum::VariantArray as _;
use uuid::Uuid;

use super::SEED;
use crate::random::{Random, as_f64, as_usize, power_law};
use crate::result::Result;

/// Minimum number of rules of a tenant: those of the built-in roles and a handful of users and profiles.
pub(crate) const LEAST: usize = 100;
/// Approximate number of `p` rules that every tenant has: the built-in roles, the licence.
const BUILT_IN: usize = 75;
/// Average number of rules that one associated resource makes.
const RULES_OF_RESOURCE: usize = 3;
/// Modules that are not in the licence: they deny everyone.
const UNLICENSED: [&str; 2] = ["fax", "whatsapp"];
/// The module of the objects that grants of custom roles are on: objects of the host's own.
const HOST: &str = "host";

/// Makes a tenant of about so many rules.
pub(crate) fn generate(catalogue: &Catalogue, key: TenantKey, rules: usize) -> Result<TenantState> {
    let seed = key.as_str().bytes().fold(SEED, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut maker = Maker { catalogue, random: Random::new(seed), state: TenantState::empty(key) };
    let (permissions, memberships) = ((rules / 2).saturating_sub(BUILT_IN), (rules / 2).max(24));
    maker.licence()?;
    let sections = maker.resources(permissions)?;
    let profiles = maker.profiles(permissions, &sections)?;
    let roles = maker.roles(permissions)?;
    maker.users(memberships, &profiles, &roles)?;
    Ok(maker.state)
}

/// A section with the resources that the tenant has in it.
struct Stocked<'a> {
    spec: &'a Section,
    resources: Vec<ResourceKey>,
}

struct Maker<'a> {
    catalogue: &'a Catalogue,
    random: Random,
    state: TenantState,
}

impl<'a> Maker<'a> {
    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.random.next(), self.random.next())
    }

    fn licence(&mut self) -> Result<()> {
        let all = self.catalogue.modules().iter().filter(|module| !module.platform).map(|module| module.key.clone());
        let licensed = all.filter(|module: &ModuleKey| !UNLICENSED.contains(&module.as_str())).collect();
        Ok(self.state.set_licence(self.catalogue, licensed)?)
    }

    /// Registers resources in every section that holds any.
    fn resources(&mut self, permissions: usize) -> Result<Vec<Stocked<'a>>> {
        let modules = self.catalogue.modules().iter().filter(|module| module.in_profiles);
        let licensed = modules.filter(|module| !UNLICENSED.contains(&module.key.as_str()));
        let specs: Vec<&Section> =
            licensed.flat_map(|module| &module.sections).filter(|spec| spec.holds_resources).collect();
        let shares = power_law(specs.len(), 0.8, (permissions / 20).max(100), 2);
        let mut stocked = Vec::new();
        for (spec, share) in specs.into_iter().zip(shares) {
            let resources = (0..share)
                .map(|n| Ok(ResourceKey::parse(&format!("{}-{n:05}", spec.key.name()))?))
                .collect::<Result<Vec<_>>>()?;
            for batch in resources.chunks(BATCH_MAX) {
                let new = batch.iter().map(|key| self.resource(key)).collect::<Result<_>>()?;
                self.state.register_resources(self.catalogue, &spec.key, new, None, Timestamp(0))?;
            }
            stocked.push(Stocked { spec, resources });
        }
        Ok(stocked)
    }

    fn resource(&mut self, key: &ResourceKey) -> Result<NewResource> {
        let name = Name::parse(key.as_str())?;
        Ok(NewResource { id: self.id(), key: key.clone(), name, protected: false, members: None })
    }

    /// Makes profiles of about so many rules together, each open where the dice say.
    fn profiles(&mut self, permissions: usize, sections: &[Stocked<'_>]) -> Result<Vec<ProfileKey>> {
        let count = as_usize(as_f64(permissions / 10).sqrt()).clamp(2, 400);
        let mut keys = Vec::new();
        for (n, share) in power_law(count, 0.5, permissions, 0).into_iter().enumerate() {
            let new = NewProfile {
                id: self.id(),
                key: Some(ProfileKey::parse(&format!("profile-{n:03}"))?),
                name: Name::parse(&format!("Profile {n}"))?,
                description: String::new(),
                permission_type: *self.random.pick(PermissionType::VARIANTS).unwrap_or(&PermissionType::Read),
                mask_sensitive_data: self.random.chance(20),
            };
            let key = self.state.create_profile(new)?;
            self.open(&key, share, sections)?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// Opens sections of a profile, from a random one onwards, until it has about so many rules: about one in seven
    /// takes all its resources automatically, the others a list.
    fn open(&mut self, profile: &ProfileKey, mut rules: usize, sections: &[Stocked<'_>]) -> Result<()> {
        let first = self.random.below(sections.len());
        for (version, stocked) in (1..).zip(sections.iter().cycle().skip(first).take(sections.len())) {
            if rules < 8 {
                break;
            }
            let automatic = self.random.chance(14);
            let listed = if automatic { 0 } else { stocked.resources.len().min(rules / RULES_OF_RESOURCE) };
            let list: BTreeSet<ResourceKey> = self
                .random
                .sample(listed, stocked.resources.len())
                .into_iter()
                .filter_map(|n| stocked.resources.get(n).cloned())
                .collect();
            let rights = if self.random.chance(25) { Change::Set(stocked.spec.rights) } else { Change::Keep };
            let save = SectionSave {
                section: stocked.spec.key.clone(),
                enabled: self.random.chance(90),
                visible: self.random.chance(90),
                rights,
                automatic,
                keep_associated: false,
                resources: (!automatic).then_some(list),
                add: BTreeSet::new(),
                remove: BTreeSet::new(),
            };
            let save = ModuleSave { all: None, rights: Change::Keep, sections: Some(vec![save]) };
            let module = stocked.spec.key.module();
            self.state.save_module(self.catalogue, profile.as_str(), module, version, save)?;
            rules = rules.saturating_sub(4 + RULES_OF_RESOURCE * listed.max(1));
        }
        Ok(())
    }

    /// Makes custom roles with a permission of the catalogue and grants on the host's objects.
    fn roles(&mut self, permissions: usize) -> Result<Vec<RoleKey>> {
        let reports: BTreeSet<PermissionKey> = [PermissionKey::parse("reports")?].into();
        let mut keys = Vec::new();
        for n in 0..(permissions / 2_000).clamp(1, 50) {
            let grants = (0..4).map(|grant| grant_of(n, grant)).collect::<Result<BTreeSet<_>>>()?;
            let change = RoleChange {
                name: None,
                description: None,
                permissions: self.random.chance(50).then(|| reports.clone()),
                grants: Some(grants),
            };
            let (id, key) = (self.id(), RoleKey::parse(&format!("role-{n:02}"))?);
            let name = Name::parse(&format!("Role {n}"))?;
            keys.push(self.state.create_role(self.catalogue, id, Some(key), name, change)?);
        }
        Ok(keys)
    }

    /// Makes users and groups that hold about so many memberships. The groups come last, with their members: adding
    /// users to groups one by one looks at every group each time.
    fn users(&mut self, memberships: usize, profiles: &[ProfileKey], roles: &[RoleKey]) -> Result<()> {
        let count = memberships * 10 / 26;
        for n in 0..count {
            let (base_role, profile, role) = match n {
                0 => (BaseRole::Admin, None, None),
                1 => (BaseRole::Service, None, None),
                _ if self.random.chance(45) => (BaseRole::Agent, None, None),
                _ if self.random.chance(4) => (BaseRole::Manager, None, self.random.pick(roles).cloned()),
                // Every profile has a holder as soon as there are enough users.
                _ => (BaseRole::User, profiles.get(n % profiles.len()).cloned(), None),
            };
            let change = UserChange {
                enabled: Some(n < 2 || !self.random.chance(1)),
                base_role: None,
                profile: profile.map_or(Change::Keep, Change::Set),
                role: role.map_or(Change::Keep, Change::Set),
                groups: None,
            };
            let id = self.id();
            self.state.add_user(id, &user(n)?, base_role, change)?;
        }
        let groups = (count / 100).clamp(1, 200);
        for (n, share) in power_law(groups, 0.5, count * 6 / 10, 1).into_iter().enumerate() {
            let members = self.random.sample(share, count).into_iter().map(user).collect::<Result<BTreeSet<_>>>()?;
            let role = self.random.pick(roles).cloned().map(RoleRef::Custom);
            let permissions = self.random.chance(30).then(|| PermissionKey::parse("people")).transpose()?;
            let change = GroupChange {
                name: None,
                roles: Some(role.into_iter().collect()),
                permissions: Some(permissions.into_iter().collect()),
            };
            let (id, key) = (self.id(), GroupKey::parse(&format!("group-{n:03}"))?);
            let name = Name::parse(&format!("Group {n}"))?;
            self.state.create_group(self.catalogue, id, Some(key), name, change, members)?;
        }
        Ok(())
    }
}

fn user(n: usize) -> Result<UserKey> {
    Ok(UserKey::parse(&format!("user{n:06}"))?)
}

/// Returns one of a role's grants, three allowances and one denial, on the host's own objects.
fn grant_of(role: usize, grant: usize) -> Result<Grant> {
    let object = ObjectPattern::parse(&format!("{HOST}/area-{role:02}/desk-{grant}"))?;
    let effect = if grant == 3 { Effect::Deny } else { Effect::Allow };
    Ok(Grant { object, action: ActionPattern::parse("use")?, effect })
}

#[cfg(test)]
mod tests {
    use crate::world::{World, built_in};

    #[test]
    fn a_tenant_has_about_the_rules_that_were_asked_for_and_is_the_same_each_time() {
        let catalogue = built_in().unwrap();
        for rules in [100, 1_000, 10_000] {
            let world = World::of_size(&catalogue, "acme", rules).unwrap();
            let (permissions, memberships) = world.counts();
            let near = |count: usize| count * 2 > rules * 8 / 10 && count * 2 < rules * 14 / 10;
            assert!(rules == 100 || near(permissions) && near(memberships), "{permissions} {memberships}");
            assert_eq!(World::of_size(&catalogue, "acme", rules).unwrap().compiled, world.compiled);
        }
    }
}
