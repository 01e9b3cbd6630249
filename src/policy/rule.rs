//! One Casbin line, typed: a line that the `casbin_rule` table and `policy.csv` can hold.
//!
//! A rule does not hold its domain: rules live only in one tenant's policy, and the tenant's key is added where they
//! leave it ([`Rule::values`]).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use crate::domain::role::{BuiltIn, Effect};

use crate::domain::key::{ActionPattern, GroupKey, ObjectPattern, ProfileKey, RoleKey, TenantKey, UserKey};
use crate::error::{Error, Result};

/// The subject of a rule. The prefix keeps users, profiles, groups and roles apart: in Casbin a user whose id equals a
/// role's name would hold that role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// `user:KEY`
    User(UserKey),
    /// `profile:KEY`
    Profile(ProfileKey),
    /// `group:KEY`
    Group(GroupKey),
    /// `custom:KEY`: a custom role
    Custom(RoleKey),
    /// `role:NAME`
    Role(BuiltIn),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(key) => write!(f, "user:{key}"),
            Self::Profile(key) => write!(f, "profile:{key}"),
            Self::Group(key) => write!(f, "group:{key}"),
            Self::Custom(key) => write!(f, "custom:{key}"),
            Self::Role(role) => write!(f, "role:{}", role.as_ref()),
        }
    }
}

impl Subject {
    /// Reads the form that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Result<Self> {
        let unknown = || Error::invalid(format!("`{}` is not a subject of a rule", text.escape_debug()));
        let (kind, key) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "user" => UserKey::parse(key).map(Self::User),
            "profile" => ProfileKey::parse(key).map(Self::Profile),
            "group" => GroupKey::parse(key).map(Self::Group),
            "custom" => RoleKey::parse(key).map(Self::Custom),
            "role" => key.parse().map(Self::Role).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

/// One rule of a tenant's policy. The order is that of exports: permissions before memberships.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum Rule {
    /// A `p` line: the subject may, or may not, do the action on the object.
    Permission {
        /// The subject that the rule allows or denies.
        subject: Subject,
        /// The objects that it is about.
        object: ObjectPattern,
        /// The actions that it is about.
        action: ActionPattern,
        /// Allow or deny.
        effect: Effect,
    },
    /// A `g` line: the member holds the role.
    Membership {
        /// The subject that holds the role.
        member: Subject,
        /// The role that is held.
        role: Subject,
    },
}

/// A digest of a rule, unique in its tenant: 16 bytes of SHA-256 over its canonical line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleHash(pub [u8; 16]);

impl Rule {
    /// Returns an allowing `p` rule.
    pub fn allow(subject: Subject, object: ObjectPattern, action: ActionPattern) -> Self {
        Self::Permission { subject, object, action, effect: Effect::Allow }
    }

    /// Returns a denying `p` rule.
    pub fn deny(subject: Subject, object: ObjectPattern, action: ActionPattern) -> Self {
        Self::Permission { subject, object, action, effect: Effect::Deny }
    }

    /// Returns a `g` rule.
    pub fn membership(member: Subject, role: Subject) -> Self {
        Self::Membership { member, role }
    }

    /// Returns `p` or `g`.
    pub const fn ptype(&self) -> &'static str {
        match self {
            Self::Permission { .. } => "p",
            Self::Membership { .. } => "g",
        }
    }

    /// Returns the columns `v0`, `v1`, … of the rule in the tenant `tenant`.
    pub fn values(&self, tenant: &TenantKey) -> Vec<String> {
        match self {
            Self::Permission { subject, object, action, effect } => vec![
                subject.to_string(),
                tenant.to_string(),
                object.to_string(),
                action.to_string(),
                effect.as_ref().to_owned(),
            ],
            Self::Membership { member, role } => vec![member.to_string(), role.to_string(), tenant.to_string()],
        }
    }

    /// Reads a stored line of the tenant `tenant` back; a line of another domain is refused.
    pub fn from_values(ptype: &str, values: &[&str], tenant: &TenantKey) -> Result<Self> {
        match (ptype, values) {
            ("p", [sub, dom, obj, act, eft]) if *dom == tenant.as_str() => Ok(Self::Permission {
                subject: Subject::parse(sub)?,
                object: ObjectPattern::parse(obj)?,
                action: ActionPattern::parse(act)?,
                effect: eft.parse()?,
            }),
            ("g", [member, role, dom]) if *dom == tenant.as_str() => {
                Ok(Self::Membership { member: Subject::parse(member)?, role: Subject::parse(role)? })
            }
            _ => Err(Error::invalid(format!("`{ptype}, {}` is not a rule of tenant `{tenant}`", values.join(", ")))),
        }
    }

    /// Returns the rule's digest.
    pub fn hash(&self) -> RuleHash {
        let line = Vec::<String>::from(self.clone()).join(",");
        let digest = Sha256::digest(line.as_bytes());
        let mut hash = [0; 16];
        hash.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        RuleHash(hash)
    }

    /// Returns the subject of a permission, or the member of a membership.
    pub const fn subject(&self) -> &Subject {
        let (Self::Permission { subject, .. } | Self::Membership { member: subject, .. }) = self;
        subject
    }

    /// Returns the origin as far as the rule itself tells it: its subject, which is all that is known of a rule that is
    /// gone.
    pub fn holder(&self) -> Origin {
        let (kind, key) = match self.subject() {
            Subject::User(key) => (OriginKind::User, key.as_str()),
            Subject::Profile(key) => (OriginKind::Profile, key.as_str()),
            Subject::Group(key) => (OriginKind::Group, key.as_str()),
            Subject::Custom(key) => (OriginKind::Role, key.as_str()),
            Subject::Role(role) => (OriginKind::BuiltIn, role.as_ref()),
        };
        Origin { kind, key: key.to_owned(), module: None, section: None, note: "no longer in force".to_owned() }
    }
}

/// The domain-free form of the revision log: `["p", sub, obj, act, eft]` or `["g", member, role]`.
impl From<Rule> for Vec<String> {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Permission { subject, object, action, effect } => {
                vec!["p".to_owned(), subject.into(), object.into(), action.into(), effect.as_ref().to_owned()]
            }
            Rule::Membership { member, role } => vec!["g".to_owned(), member.into(), role.into()],
        }
    }
}

impl TryFrom<Vec<String>> for Rule {
    type Error = Error;
    fn try_from(line: Vec<String>) -> Result<Self> {
        match line.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["p", sub, obj, act, eft] => Ok(Self::Permission {
                subject: Subject::parse(sub)?,
                object: ObjectPattern::parse(obj)?,
                action: ActionPattern::parse(act)?,
                effect: eft.parse()?,
            }),
            ["g", member, role] => {
                Ok(Self::Membership { member: Subject::parse(member)?, role: Subject::parse(role)? })
            }
            _ => Err(Error::invalid(format!("`{}` is not a rule", line.join(",")))),
        }
    }
}

/// The origin of a rule, in the words of administrators. A rule can have several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The kind of thing that the rule came from.
    pub kind: OriginKind,
    /// The key of that thing: a profile's, a role's, a group's, a user's or a module's.
    pub key: String,
    /// The module that the rule is about, if any.
    pub module: Option<String>,
    /// The section (`module/section`) that the rule is about, if any.
    pub section: Option<String>,
    /// A note for administrators, such as "AUTOMATIC association of Voice Queues".
    pub note: String,
}

/// The kinds of things that rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[derive(strum::AsRefStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", parse_err_ty = Error, parse_err_fn = not_an_origin)]
pub enum OriginKind {
    /// A user profile.
    Profile,
    /// A custom role.
    Role,
    /// A group.
    Group,
    /// The tenant's licence.
    Licence,
    /// The platform itself: the built-in roles.
    BuiltIn,
    /// A user: their base role, profile and custom role.
    User,
}

fn not_an_origin(text: &str) -> Error {
    Error::invalid(format!("`{}` is not a kind of origin", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_what_it_writes() {
        let tenant = TenantKey::parse("acme").unwrap();
        let rules = [
            Rule::allow(
                Subject::Profile(ProfileKey::parse("night-shift").unwrap()),
                ObjectPattern::parse("voice/queues/sales").unwrap(),
                ActionPattern::parse("read").unwrap(),
            ),
            Rule::deny(Subject::Role(BuiltIn::Member), ObjectPattern::parse("chat/*").unwrap(), ActionPattern::any()),
            Rule::membership(Subject::User(UserKey::parse("dana").unwrap()), Subject::Role(BuiltIn::Admin)),
        ];
        for rule in rules {
            let values = rule.values(&tenant);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            assert_eq!(Rule::from_values(rule.ptype(), &values, &tenant).unwrap(), rule);
            let json = serde_json::to_string(&rule).unwrap();
            assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule);
        }
    }

    #[test]
    fn a_rule_of_another_domain_is_refused() {
        let tenant = TenantKey::parse("acme").unwrap();
        assert!(Rule::from_values("g", &["user:a", "role:admin", "globex"], &tenant).is_err());
        assert!(Rule::from_values("p", &["role:root", "acme", "a", "b", "allow"], &tenant).is_err());
    }
}
