//! Users: the part of them that decides their access, and the parts of their accounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Change;
use super::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use super::letters;
use super::profile::LegacyDigest;
use super::tenant::{Settings, TenantState};
use crate::error::{Error, ErrorCode, Result};

mod email;

pub use email::Email;

/// The base role of a user in their tenant (R25).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[derive(strum::AsRefStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = not_a_base_role)]
pub enum BaseRole {
    /// Everything licensed.
    Admin,
    /// All permissions of the catalogue, or those of their custom role.
    Manager,
    /// The access that their profile gives.
    User,
    /// Nothing of its own.
    Agent,
    /// A host application: decides for others and registers resources, by API key alone.
    Service,
}

fn not_a_base_role(text: &str) -> Error {
    Error::invalid(format!("`{}` is not a base role", text.escape_debug()))
}

impl BaseRole {
    /// Returns whether users of this base role sign in with a password: a host application has its API key alone.
    pub fn signs_in(self) -> bool {
        self != Self::Service
    }
}

/// The part of a user that decides their access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Internal id, never used again.
    pub id: Uuid,
    /// Its key: the username in lowercase (R26).
    pub key: UserKey,
    /// Its base role.
    pub base_role: BaseRole,
    /// `true` while the user is enabled; a disabled user holds no rule at all (R42).
    pub enabled: bool,
    /// `true` if the user is the admin that came with the tenant (R3).
    pub default_admin: bool,
    /// The profile that the user holds: base role USER alone (R19).
    pub profile: Option<ProfileKey>,
    /// The custom role that the user holds: base role MANAGER alone (R19).
    pub role: Option<RoleKey>,
    /// The permissions with which the user was imported last (R24), wherever they were moved since.
    #[serde(default)]
    pub imported_from: Option<LegacyDigest>,
    /// Version, which grows with each change of the user or their account.
    pub version: i32,
}

impl User {
    /// Returns whether the user can administer: an ADMIN that is enabled.
    fn is_acting_admin(&self) -> bool {
        self.enabled && self.base_role == BaseRole::Admin
    }
}

/// A change of a user's access; groups are the whole list.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Enabled or disabled.
    pub enabled: Option<bool>,
    /// Another base role.
    pub base_role: Option<BaseRole>,
    /// The profile.
    pub profile: Change<ProfileKey>,
    /// The custom role.
    pub role: Change<RoleKey>,
    /// The groups that the user is in.
    pub groups: Option<BTreeSet<GroupKey>>,
}

impl TenantState {
    /// Adds a user with the access that `change` names.
    pub fn add_user(&mut self, id: Uuid, key: &UserKey, base_role: BaseRole, change: UserChange) -> Result<()> {
        self.check_username_free(key)?;
        let user = User {
            id,
            key: key.clone(),
            base_role,
            enabled: change.enabled.unwrap_or(true),
            default_admin: false,
            profile: change.profile.apply(None),
            role: change.role.apply(None),
            imported_from: None,
            version: 1,
        };
        self.check_access(&user)?;
        let groups = change.groups.unwrap_or_default();
        self.check_groups(&groups)?;
        self.users.insert(key.clone(), user);
        self.set_groups(key, &groups);
        Ok(())
    }

    /// Refuses a username that is taken.
    pub fn check_username_free(&self, key: &UserKey) -> Result<()> {
        if self.users.contains_key(key) { Err(username_taken(key)) } else { Ok(()) }
    }

    /// Changes a user's access. A user that leaves USER loses their profile, one that leaves MANAGER their custom role
    /// (R19). The version grows when anything is another afterwards.
    pub fn change_user(&mut self, key: &str, version: i32, change: UserChange) -> Result<()> {
        let before = self.users.get(key).ok_or_else(|| Error::not_found("user", key).at("key"))?;
        super::check_version(before.version, version)?;
        let mut user = before.clone();
        user.base_role = change.base_role.unwrap_or(user.base_role);
        user.enabled = change.enabled.unwrap_or(user.enabled);
        if user.base_role != BaseRole::User {
            user.profile = None;
        }
        if user.base_role != BaseRole::Manager {
            user.role = None;
        }
        user.profile = change.profile.apply(user.profile);
        user.role = change.role.apply(user.role);
        if !user.is_acting_admin() {
            self.check_unprotected(before, if user.enabled { "baseRole" } else { "enabled" })?;
        }
        self.check_access(&user)?;
        let mut changes = user != *before;
        if let Some(groups) = change.groups {
            self.check_groups(&groups)?;
            changes |= !self.groups_of(&user.key).eq(&groups);
            self.set_groups(&user.key, &groups);
        }
        user.version += i32::from(changes);
        self.users.insert(user.key.clone(), user);
        Ok(())
    }

    /// Increases the version of a user whose account changes, unless it has left `version` already.
    pub fn change_account(&mut self, key: &str, version: i32) {
        if let Some(user) = self.users.get_mut(key).filter(|user| user.version == version) {
            user.version += 1;
        }
    }

    /// Removes a user from the tenant and from every list. Its key inherits nothing later.
    pub fn remove_user(&mut self, key: &str) -> Result<User> {
        let user = self.users.get(key).ok_or_else(|| Error::not_found("user", key).at("key"))?;
        self.check_unprotected(user, "key")?;
        let user = user.clone();
        self.set_groups(&user.key, &BTreeSet::new());
        self.resources
            .change(|resource| resource.created_by.as_ref() == Some(&user.key), |resource| resource.created_by = None);
        self.users.remove(&user.key);
        Ok(user)
    }

    /// Refuses to take away the default admin, or the last admin there is, so that one can always administer the tenant
    /// (R3). `field` is the input's field that would do so.
    fn check_unprotected(&self, user: &User, field: &str) -> Result<()> {
        let mut others = self.users.values().filter(|other| other.key != user.key);
        let who = if user.default_admin {
            "the default admin"
        } else if user.is_acting_admin() && !others.any(User::is_acting_admin) {
            "the last enabled ADMIN of a tenant"
        } else {
            return Ok(());
        };
        let message = format!("{who} cannot be deleted or disabled, and keeps the base role ADMIN");
        Err(Error::new(ErrorCode::ProtectedUser, message).at(field))
    }

    /// Returns the groups that the user is in.
    pub fn groups_of<'a>(&'a self, user: &'a UserKey) -> impl Iterator<Item = &'a GroupKey> {
        self.groups.values().filter(move |group| group.members.contains(user)).map(|group| &group.key)
    }

    /// Refuses a user who holds what their base role may not, or what is not there.
    fn check_access(&self, user: &User) -> Result<()> {
        check_assignable(user.base_role, user.profile.as_ref(), user.role.as_ref())?;
        if let Some(profile) = user.profile.as_ref().filter(|profile| !self.profiles.contains_key(*profile)) {
            return Err(Error::not_found("profile", profile).at("profile"));
        }
        match &user.role {
            Some(role) if !self.roles.contains_key(role) => Err(Error::not_found("role", role).at("customRole")),
            _ => Ok(()),
        }
    }

    fn check_groups(&self, groups: &BTreeSet<GroupKey>) -> Result<()> {
        match groups.iter().find(|group| !self.groups.contains_key(*group)) {
            Some(unknown) => Err(Error::not_found("group", unknown).at("groups")),
            None => Ok(()),
        }
    }

    fn set_groups(&mut self, user: &UserKey, groups: &BTreeSet<GroupKey>) {
        self.groups.change(
            |group| group.members.contains(user) != groups.contains(&group.key),
            |group| {
                if !group.members.remove(user) {
                    group.members.insert(user.clone());
                }
                group.version += 1;
            },
        );
    }
}

/// Returns the refusal of a username that is taken.
pub fn username_taken(key: &UserKey) -> Error {
    Error::new(ErrorCode::AlreadyExists, format!("the username `{key}` is taken")).at("username")
}

/// Checks that a user of this base role may hold them (R19), wherever they are: profiles are for USERs, who need
/// one; custom roles are for MANAGERs.
pub fn check_assignable(base_role: BaseRole, profile: Option<&ProfileKey>, role: Option<&RoleKey>) -> Result<()> {
    let refused = |code, message: &str, field: &str| Err(Error::new(code, message).at(field));
    match (base_role, profile, role) {
        (BaseRole::User, None, _) => {
            refused(ErrorCode::ProfileRequired, "a user of base role USER needs a profile", "profile")
        }
        (base_role, Some(_), _) if base_role != BaseRole::User => {
            refused(ErrorCode::ProfileNotAssignable, "only users of base role USER hold a profile", "profile")
        }
        (base_role, _, Some(_)) if base_role != BaseRole::Manager => {
            refused(ErrorCode::RoleNotAssignable, "only users of base role MANAGER hold a custom role", "customRole")
        }
        _ => Ok(()),
    }
}

/// The name by which a person signs in: with the text that was typed, and the key that it stands for (R26).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    text: String,
    key: UserKey,
}

impl Username {
    /// Checks the text: ASCII letters, digits, `.` and `_`, at most 64.
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
        let key = UserKey::parse(&text.to_ascii_lowercase());
        match key {
            Ok(key) if allowed => Ok(Self { text: text.to_owned(), key }),
            _ => Err(Error::invalid("a username has 1 to 64 ASCII letters, digits, `.` and `_`").at("username")),
        }
    }

    /// Returns the text that was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the user's key.
    pub const fn key(&self) -> &UserKey {
        &self.key
    }
}

/// Checks a new password against the tenant's rule (R27).
pub fn check_password(settings: &Settings, password: &str) -> Result<()> {
    const SPECIAL: &str = "~!@#$%^&-_=+[{]}";
    let weak = |message: &str| Err(Error::new(ErrorCode::WeakPassword, message).at("password"));
    if password.chars().count() < 8 {
        return weak("a password has at least 8 characters");
    }
    if password.len() > 1024 {
        return weak("a password has at most 1024 bytes");
    }
    if !letters::has_substance(password) {
        return weak("a password has a character other than blanks");
    }
    let has = |kind: fn(char) -> bool| password.chars().any(kind);
    if settings.security_suite
        && !(has(char::is_lowercase)
            && has(char::is_uppercase)
            && has(|c| c.is_ascii_digit())
            && has(|c| SPECIAL.contains(c)))
    {
        return weak("a password has a lowercase letter, an uppercase letter, a digit and one of ~!@#$%^&-_=+[{]}");
    }
    Ok(())
}

/// The settings of a user's telephone (R31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telephony {
    /// The transport.
    pub transport: Transport,
    /// The way through a firewall in between.
    pub nat: Nat,
    /// The codecs that are allowed, the preferred ones first.
    pub codecs: Vec<Codec>,
    /// The dial context.
    pub context: String,
    /// The call groups.
    pub call_groups: Vec<String>,
    /// The pickup groups.
    pub pickup_groups: Vec<String>,
}

impl Default for Telephony {
    fn default() -> Self {
        Self {
            transport: Transport::Udp,
            nat: Nat::ForceRport,
            codecs: vec![Codec::Ulaw, Codec::Alaw],
            context: "from-sip".to_owned(),
            call_groups: Vec::new(),
            pickup_groups: Vec::new(),
        }
    }
}

/// A change of the settings of a user's telephone; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TelephonyChange {
    /// The transport.
    pub transport: Option<Transport>,
    /// The way through a firewall in between.
    pub nat: Option<Nat>,
    /// The codecs that are allowed, the preferred ones first.
    pub codecs: Option<Vec<Codec>>,
    /// The dial context.
    pub context: Option<String>,
    /// The call groups.
    pub call_groups: Option<Vec<String>>,
    /// The pickup groups.
    pub pickup_groups: Option<Vec<String>>,
}

impl Telephony {
    /// Returns the settings with a change; a codec that is named twice stands where it is first.
    #[must_use]
    pub fn with(self, change: TelephonyChange) -> Self {
        Self {
            transport: change.transport.unwrap_or(self.transport),
            nat: change.nat.unwrap_or(self.nat),
            codecs: change.codecs.map_or(self.codecs, each_once),
            context: change.context.unwrap_or(self.context),
            call_groups: change.call_groups.unwrap_or(self.call_groups),
            pickup_groups: change.pickup_groups.unwrap_or(self.pickup_groups),
        }
    }

    /// Checks that there is a codec, and the free texts: short, without control characters, at most 64 groups of
    /// each kind.
    pub fn check(&self) -> Result<()> {
        if self.codecs.is_empty() {
            return Err(Error::invalid("at least one codec is allowed").at("codecs").at("telephony"));
        }
        let ok = |text: &String| (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        for (field, texts) in [("callGroups", &self.call_groups), ("pickupGroups", &self.pickup_groups)] {
            if texts.len() > 64 || !texts.iter().all(ok) {
                return Err(Error::invalid("up to 64 names of 1 to 64 characters are allowed")
                    .at(field)
                    .at("telephony"));
            }
        }
        if !ok(&self.context) {
            return Err(Error::invalid("a context has 1 to 64 characters").at("context").at("telephony"));
        }
        Ok(())
    }
}

/// Returns codecs in the order in which they stand first.
fn each_once(codecs: Vec<Codec>) -> Vec<Codec> {
    let mut seen = BTreeSet::new();
    codecs.into_iter().filter(|codec| seen.insert(*codec)).collect()
}

/// The transport of a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// WebSocket
    Ws,
    /// WebSocket over TLS
    Wss,
}

/// The way through a firewall between a telephone and the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nat {
    /// Always assume one.
    Yes,
    /// Assume none.
    No,
    /// Answer to the address that the request came from.
    ForceRport,
    /// Send media to where it comes from.
    Comedia,
    /// Never.
    Never,
    /// Decided by route.
    Route,
}

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// G.711 μ-law
    Ulaw,
    /// G.711 A-law
    Alaw,
    /// GSM
    Gsm,
    /// G.722
    G722,
    /// G.729
    G729,
    /// Opus
    Opus,
}

/// Checks an extension given by hand: 1 to 16 digits (R31).
pub fn check_extension(text: &str) -> Result<()> {
    if (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::invalid("an extension has 1 to 16 digits").at("extension"))
}
