//! The names that stand in rules: keys, objects, actions. Each is parsed once, at the edge, so
//! that inside the house no string can be a wildcard, a separator or another type by accident.

mod action;
mod object;
mod percent;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};
pub use action::{ACTION_MAX, Action, ActionPattern};
pub use object::{OBJECT_MAX, Object, ObjectPattern, RESOURCE_KEY_MAX, ResourceKey};

/// The most bytes that a key may have.
pub const KEY_MAX: usize = 64;

fn is_key(text: &str) -> bool {
    (1..=KEY_MAX).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// Returns a wrong name as errors show it: escaped and cut to 40 characters, so that no error echoes a page of input.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().count() > 40 { format!("{short}…") } else { short }
}

/// Declares a text newtype with a checked `parse`, `as_str`, `Display` and serde.
macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks the text and takes it.
            pub fn parse(text: &str) -> crate::error::Result<Self> {
                let check: fn(&str) -> crate::error::Result<()> = $check;
                check(text)?;
                Ok(Self(std::sync::Arc::from(text)))
            }

            /// Returns the text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::error::Error;
            fn try_from(text: String) -> crate::error::Result<Self> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}
use text_type;

fn check_key(what: &'static str, text: &str) -> Result<()> {
    if is_key(text) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{}` is not a {what} key: 1 to {KEY_MAX} of `a-z`, `0-9`, `.`, `_`, `-` are allowed",
        shown(text)
    )))
}

text_type!(
    /// A tenant's key: the domain of its Casbin rules.
    TenantKey,
    |text| check_key("tenant", text)
);
text_type!(
    /// A user's key: the lowercase form of their username (R26).
    UserKey,
    |text| check_key("user", text)
);
text_type!(
    /// A user profile's key.
    ProfileKey,
    |text| check_key("profile", text)
);
text_type!(
    /// A group's key.
    GroupKey,
    |text| check_key("group", text)
);
text_type!(
    /// A custom role's key.
    RoleKey,
    |text| check_key("role", text)
);
text_type!(
    /// A module's key, from the catalogue.
    ModuleKey,
    |text| check_key("module", text)
);
text_type!(
    /// A named permission's key, from the catalogue.
    PermissionKey,
    |text| check_key("permission", text)
);
text_type!(
    /// A data view's key, from the catalogue: `contacts` for the object `data/contacts`.
    DataViewKey,
    |text| check_key("data view", text)
);
text_type!(
    /// A section's key with its module's: `voice/queues`.
    SectionKey,
    |text| match text.split_once('/') {
        Some((module, section)) if is_key(module) && is_key(section) => Ok(()),
        _ => Err(Error::invalid(format!("`{}` is not a section key of the form `module/section`", shown(text)))),
    }
);

/// A tenant's internal id. It is never used again, so that caches and messages of a deleted
/// tenant cannot be taken for those of a new one with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId(pub Uuid);

impl TenantKey {
    /// The reserved tenant of the operators.
    pub const PLATFORM: &'static str = "platform";

    /// Returns whether this is the reserved tenant of the operators.
    pub fn is_platform(&self) -> bool {
        self.as_str() == Self::PLATFORM
    }
}

impl SectionKey {
    /// Returns the section of the agents: the one whose resources are users of the tenant (R34).
    pub fn agents() -> Self {
        Self(Arc::from("staff/agents"))
    }

    /// Returns the section `section` of `module`.
    pub fn of(module: &ModuleKey, section: &str) -> Result<Self> {
        Self::parse(&format!("{module}/{section}"))
    }

    /// Returns the module's key.
    pub fn module(&self) -> &str {
        self.0.split_once('/').map_or("", |(module, _)| module)
    }

    /// Returns the section's own key, without the module.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, section)| section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_nothing_that_could_forge_a_rule() {
        for good in ["a", "night-shift", "a.b_c-9", &"x".repeat(64)] {
            assert!(ProfileKey::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "*", "a/b", "a:b", "a,b", "a\"b", "a'b", "a\nb", "é", "A", "a b", &"x".repeat(65)] {
            assert!(ProfileKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
