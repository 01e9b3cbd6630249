//! The access data of an organisation in the form of role mining: pairs of a user and a permission, and the roles that
//! explain them. It becomes a tenant of custom roles that groups carry to agents.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::group::GroupChange;
use bailiwick::domain::key::{Action, ActionPattern, GroupKey, Object, ObjectPattern, RoleKey, TenantKey, UserKey};
use bailiwick::domain::name::Name;
use bailiwick::domain::role::{Effect, Grant, RoleChange, RoleRef};
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::{BaseRole, UserChange};
use bailiwick::policy::rule::Subject;
use uuid::Uuid;

use super::Request;
use crate::random::Random;
use crate::result::Result;

const ACTION: &str = "use";

/// An organisation.
pub(crate) struct Organisation {
    /// The organisation's name.
    pub(crate) name: String,
    roles: Vec<Role>,
    pairs: BTreeSet<(u32, u32)>,
}

#[derive(Default)]
struct Role {
    number: u32,
    permissions: Vec<u32>,
    users: Vec<u32>,
}

impl Organisation {
    /// Reads the organisations in `data/rolemining`.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/rolemining");
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.strip_suffix(".roles.txt").map(str::to_owned));
        }
        names.into_iter().map(|name| Self::read(&folder, name)).collect()
    }

    fn read(folder: &Path, name: String) -> Result<Self> {
        let text = |kind: &str| fs::read_to_string(folder.join(format!("{name}.{kind}.txt")));
        let mut roles: Vec<Role> = Vec::new();
        for line in text("roles")?.lines().filter(|line| !line.trim().is_empty()) {
            let (what, list) = line.split_once(':').ok_or_else(|| format!("{name}: `{line}` has no colon"))?;
            match (what, roles.last_mut()) {
                ("role", _) => roles.push(Role { number: list.trim().parse()?, ..Role::default() }),
                ("permissions", Some(role)) => role.permissions = numbers(list, ',')?,
                ("users", Some(role)) => role.users = numbers(list, ',')?,
                _ => return Err(format!("{name}: `{line}` has no place").into()),
            }
        }
        let pair = |line: &str| match numbers(line, ' ')?.as_slice() {
            [user, permission] => Ok((*user, *permission)),
            _ => Err(format!("`{line}` is not a pair").into()),
        };
        let pairs = text("pairs")?.lines().map(pair).collect::<Result<_>>()?;
        Ok(Self { name, roles, pairs })
    }

    /// Returns the tenant that the organisation becomes.
    pub(crate) fn tenant(&self, catalogue: &Catalogue) -> Result<TenantState> {
        let mut state = TenantState::empty(TenantKey::parse(&self.name)?);
        let mut random = Random::new(super::SEED);
        let mut id = || Uuid::from_u64_pair(random.next(), random.next());
        for user in self.pairs.iter().map(|pair| pair.0).collect::<BTreeSet<_>>() {
            state.add_user(id(), &user_key(user)?, BaseRole::Agent, UserChange::default())?;
        }
        for role in &self.roles {
            let name = format!("role-{}", role.number);
            let grants = role.permissions.iter().map(|permission| grant(*permission)).collect::<Result<_>>()?;
            let change = RoleChange { grants: Some(grants), ..RoleChange::default() };
            let key = state.create_role(catalogue, id(), Some(RoleKey::parse(&name)?), Name::parse(&name)?, change)?;
            let members = role.users.iter().map(|user| user_key(*user)).collect::<Result<_>>()?;
            let change = GroupChange { roles: Some([RoleRef::Custom(key)].into()), ..GroupChange::default() };
            let group = GroupKey::parse(&format!("group-{}", role.number))?;
            state.create_group(catalogue, id(), Some(group), Name::parse(&name)?, change, members)?;
        }
        Ok(state)
    }

    /// Returns every pair, and as many drawn at random, each with the answer in the data.
    pub(crate) fn requests(&self) -> Result<Vec<(Request, bool)>> {
        let users: Vec<u32> = self.pairs.iter().map(|pair| pair.0).collect();
        let permissions: Vec<u32> = self.pairs.iter().map(|pair| pair.1).collect();
        let mut random = Random::new(super::SEED);
        let mut any = || random.pick(&users).copied().zip(random.pick(&permissions).copied());
        let others: Vec<(u32, u32)> = (0..self.pairs.len()).filter_map(|_| any()).collect();
        let asked = self.pairs.iter().chain(&others);
        asked.map(|pair| Ok((request(*pair)?, self.pairs.contains(pair)))).collect()
    }
}

fn numbers(list: &str, separator: char) -> Result<Vec<u32>> {
    let parts = list.split(separator).map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(str::parse).collect::<std::result::Result<_, _>>()?)
}

fn user_key(user: u32) -> Result<UserKey> {
    Ok(UserKey::parse(&format!("u{user}"))?)
}

fn object(permission: u32) -> String {
    format!("host/permission-{permission}")
}

fn grant(permission: u32) -> Result<Grant> {
    let (object, action) = (ObjectPattern::parse(&object(permission))?, ActionPattern::parse(ACTION)?);
    Ok(Grant { object, action, effect: Effect::Allow })
}

fn request((user, permission): (u32, u32)) -> Result<Request> {
    let (subject, object) = (Subject::User(user_key(user)?), Object::parse(&object(permission))?);
    Ok(Request { subject, object, action: Action::parse(ACTION)? })
}
