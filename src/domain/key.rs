//! The names that stand in rules: keys, objects, actions. Each is parsed once, at the edge, so
//! that inside the house no string can be a wildcard, a separator or another type by accident.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

/// The most bytes that a key may have.
pub const KEY_MAX: usize = 64;
/// The most bytes that a host's resource id may have, percent-encoded.
pub const RESOURCE_KEY_MAX: usize = 128;
/// The most bytes that a whole object path may have.
pub const OBJECT_MAX: usize = 512;
/// The most bytes that an action may have.
pub const ACTION_MAX: usize = 64;

fn is_key(text: &str) -> bool {
    (1..=KEY_MAX).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

fn is_resource_key(text: &str) -> bool {
    (1..=RESOURCE_KEY_MAX).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| stands_for_itself(byte) || byte == b'%')
}

/// The ASCII bytes of a host's name that rules hold as a code: all but those that stand for themselves.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b'+').remove(b'-');
/// The ASCII bytes of a path of such names that rules hold as a code.
const PATH_ENCODED: &AsciiSet = &ENCODED.remove(b'/');

/// Returns whether a byte of a host's name stands in rules as it is; `%` begins the code of any other.
const fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'@' | b'+' | b'-')
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
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and takes it.
            pub fn parse(text: &str) -> Result<Self> {
                let check: fn(&str) -> Result<()> = $check;
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// Returns the text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
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
text_type!(
    /// A host's resource id, as it stands in rules: case kept, other bytes percent-encoded.
    ResourceKey,
    |text| if is_resource_key(text) {
        Ok(())
    } else {
        Err(Error::invalid(format!(
            "`{}` is not a resource key: 1 to {RESOURCE_KEY_MAX} of `A-Za-z0-9._~@+%-` are allowed, \
             percent-encode anything else",
            shown(text)
        )))
    }
);
text_type!(
    /// The object of a request: `module`, `module/section`, `module/section/resource`, … Segments of the key or
    /// resource alphabets, so that no request can hold a wildcard.
    Object,
    |text| if text.len() <= OBJECT_MAX && text.split('/').all(is_resource_key) {
        Ok(())
    } else {
        Err(Error::bad_input(format!(
            "`{}` is not an object: segments of `A-Za-z0-9._~@+%-` separated by `/` are allowed",
            shown(text)
        )))
    }
);
text_type!(
    /// The action of a request: `read`, `edit`, `delete`, or a host's own such as `GET`. Case kept, other bytes
    /// percent-encoded.
    Action,
    |text| if is_action(text) {
        Ok(())
    } else {
        Err(Error::bad_input(format!(
            "`{}` is not an action: a letter, then `A-Za-z0-9._~@+%-`, at most {ACTION_MAX}, are allowed, \
             percent-encode anything else",
            shown(text)
        )))
    }
);
text_type!(
    /// The object of a rule: an exact object, or a prefix that ends in `/*`.
    ObjectPattern,
    |text| if text.len() <= OBJECT_MAX && text.strip_suffix("/*").unwrap_or(text).split('/').all(is_resource_key) {
        Ok(())
    } else {
        Err(Error::invalid(format!(
            "`{}` is not an object of a rule: an exact path, or a prefix that ends in `/*`, is allowed",
            shown(text)
        )))
    }
);
text_type!(
    /// The action of a rule: one action, or `*` for all.
    ActionPattern,
    |text| if text == "*" || is_action(text) {
        Ok(())
    } else {
        Err(Error::invalid(format!("`{}` is not the action of a rule: an action or `*` is allowed", shown(text))))
    }
);

fn is_action(text: &str) -> bool {
    text.len() <= ACTION_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| stands_for_itself(byte) || byte == b'%')
}

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

impl ResourceKey {
    /// Percent-encodes a host's id into the alphabet of resource keys: every byte outside
    /// `A-Za-z0-9._~@+-` becomes `%XX`. Two different ids never give one key.
    pub fn encode(id: &str) -> Result<Self> {
        Self::parse(&Cow::from(percent_encoded(id)))
    }
}

fn percent_encoded(name: &str) -> PercentEncode<'_> {
    utf8_percent_encode(name, ENCODED)
}

impl Object {
    /// Returns the object of a resource.
    pub fn resource(section: &SectionKey, key: &ResourceKey) -> Self {
        // INVARIANT: both parts are checked, and 64 + 1 + 64 + 1 + 128 bytes are below OBJECT_MAX.
        Self(Arc::from(format!("{section}/{key}")))
    }

    /// Returns the object of an agent: the resource that a user of base role AGENT is (R34).
    pub fn agent(user: &UserKey) -> Self {
        // INVARIANT: the alphabet of user keys is a part of that of resource keys, and shorter.
        Self(Arc::from(format!("{}/{user}", SectionKey::agents())))
    }

    /// Returns the object of a host's id below a path, percent-encoded as in [`ResourceKey::encode`].
    pub fn of_id(path: &Self, id: &str) -> Result<Self> {
        Self::parse(&format!("{path}/{}", percent_encoded(id)))
    }

    /// Returns the path of a host's type of resources: each of its segments percent-encoded.
    pub fn of_type(kind: &str) -> Result<Self> {
        Self::parse(&utf8_percent_encode(kind, PATH_ENCODED).to_string())
    }

    /// Returns an object that no rule can name: no rule's object contains it.
    pub fn nothing() -> Self {
        Self(Arc::from(""))
    }

    /// Returns the host's id of which [`of_id`](Self::of_id) makes this object below `path`, if there is one.
    pub fn id_below(&self, path: &Self) -> Option<String> {
        let segment = self.0.strip_prefix(path.as_str())?.strip_prefix('/')?;
        // What is no code is left as it is, so only an id that makes this very object counts.
        let id = percent_decode_str(segment).decode_utf8().ok()?;
        Self::of_id(path, &id).is_ok_and(|object| object == *self).then(|| id.into_owned())
    }

    /// Returns whether this object is in `path` directly.
    pub fn is_directly_below(&self, path: &Self) -> bool {
        self.0.rsplit_once('/').is_some_and(|(above, _)| above == path.as_str())
    }

    /// Returns the section and key of the resource that this object names, if it has their form.
    pub fn as_resource(&self) -> Option<(SectionKey, ResourceKey)> {
        let (section, key) = self.0.rsplit_once('/')?;
        Some((SectionKey::parse(section).ok()?, ResourceKey::parse(key).ok()?))
    }

    /// Returns the first segment: the module, or `data`, `tenants`, …
    pub fn first(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

impl From<&SectionKey> for Object {
    fn from(section: &SectionKey) -> Self {
        Self(Arc::clone(&section.0))
    }
}

impl ObjectPattern {
    /// Returns everything below `path`: `path/*`.
    pub fn below(path: impl fmt::Display) -> Result<Self> {
        Self::parse(&format!("{path}/*"))
    }

    /// Returns the literal part before `*`, with its slash, when this is a prefix.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Returns the first segment: the module, or `data`, `tenants`, …
    pub fn first(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

impl From<&Object> for ObjectPattern {
    fn from(object: &Object) -> Self {
        Self(Arc::clone(&object.0))
    }
}

impl From<&SectionKey> for ObjectPattern {
    fn from(section: &SectionKey) -> Self {
        Self(Arc::clone(&section.0))
    }
}

impl ActionPattern {
    /// Returns every action.
    pub fn any() -> Self {
        Self(Arc::from("*"))
    }

    /// Returns whether this is `*`.
    pub fn is_any(&self) -> bool {
        self.as_str() == "*"
    }
}

impl Action {
    /// Returns the action of a host's name, percent-encoded as in [`ResourceKey::encode`].
    pub fn encode(name: &str) -> Result<Self> {
        Self::parse(&Cow::from(percent_encoded(name)))
    }

    /// Returns the host's name of which [`encode`](Self::encode) makes this action, if there is one.
    pub fn decoded(&self) -> Option<String> {
        let name = percent_decode_str(&self.0).decode_utf8().ok()?;
        Self::encode(&name).is_ok_and(|action| action == *self).then(|| name.into_owned())
    }
}

impl From<&Action> for ActionPattern {
    fn from(action: &Action) -> Self {
        Self(Arc::clone(&action.0))
    }
}

/// Declares constants-by-function for the actions that the platform itself knows.
macro_rules! actions {
    ($($(#[$meta:meta])* $name:ident = $text:literal),+ $(,)?) => {
        impl Action {
            $($(#[$meta])* pub fn $name() -> Self { Self(Arc::from($text)) })+

            /// Returns all that the platform itself knows, in the order in which they are listed.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name()),+]
            }
        }
    };
}

actions! {
    /// The section stands in the menu.
    show = "show",
    /// See.
    read = "read",
    /// Change; create is edit on the section.
    edit = "edit",
    /// Delete.
    delete = "delete",
    /// May be chosen in a list of items.
    link = "link",
    /// Download.
    download = "download",
    /// See contacts without a mask.
    unmask = "unmask",
    /// See who did what.
    identify = "identify",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_id_comes_back_from_its_object_and_from_no_other() {
        let path = Object::parse("voice/queues").unwrap();
        for id in ["sales", "Büro 1/*", "100%", "a,b\"", "%41"] {
            let object = Object::of_id(&path, id).unwrap();
            assert_eq!(object.id_below(&path).as_deref(), Some(id));
            assert!(object.is_directly_below(&path));
        }
        for other in ["voice/queues", "voice/queues/%41", "voice/queues/%2a", "voice/queues/%F", "voice/queues/a/b"] {
            assert_eq!(Object::parse(other).unwrap().id_below(&path), None, "{other}");
        }
    }

    #[test]
    fn keys_hold_nothing_that_could_forge_a_rule() {
        for good in ["a", "night-shift", "a.b_c-9", &"x".repeat(64)] {
            assert!(ProfileKey::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "*", "a/b", "a:b", "a,b", "a\"b", "a'b", "a\nb", "é", "A", "a b", &"x".repeat(65)] {
            assert!(ProfileKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn objects_follow_the_request_grammar() {
        for good in ["voice", "voice/queues", "voice/queues/Sales%20EU", "a/b/c/d@e+f~g"] {
            assert!(Object::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "voice/", "/voice", "voice//queues", "voice/*", "*", "voice/é", "a,b", &"x/".repeat(400)]
        {
            assert!(Object::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_are_exact_or_end_in_slash_star() {
        for good in ["voice", "voice/*", "voice/queues/sales", "voice/queues/*"] {
            assert!(ObjectPattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["*", "/*", "voice*", "voice/*/x", "voice/que*", "voice/**", ""] {
            assert!(ObjectPattern::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn encoding_a_host_id_is_injective_and_never_a_wildcard() {
        assert_eq!(ResourceKey::encode("*").unwrap().as_str(), "%2A");
        assert_eq!(ResourceKey::encode("%2A").unwrap().as_str(), "%252A");
        assert_eq!(ResourceKey::encode("Büro 1/a").unwrap().as_str(), "B%C3%BCro%201%2Fa");
        let voice = Object::parse("voice").unwrap();
        assert_eq!(Object::of_id(&voice, "Büro 1/*").unwrap().as_str(), "voice/B%C3%BCro%201%2F%2A");
        for id in ["", "..", &"x".repeat(129)] {
            assert!(Object::of_id(&voice, id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_byte_is_encoded_unless_it_stands_for_itself() {
        for byte in 0..=127_u8 {
            let own = stands_for_itself(byte);
            let code = if own { char::from(byte).to_string() } else { format!("%{byte:02X}") };
            assert_eq!(percent_encoded(&char::from(byte).to_string()).to_string(), code);
        }
    }

    #[test]
    fn a_hosts_type_becomes_a_path_without_wildcards() {
        for (kind, path) in
            [("voice/queues", "voice/queues"), ("route", "route"), ("voice/*", "voice/%2A"), ("My Type", "My%20Type")]
        {
            assert_eq!(Object::of_type(kind).unwrap().as_str(), path);
        }
        for kind in ["", "/", "voice/", "a//b", "a/..", &"x/".repeat(300)] {
            assert!(Object::of_type(kind).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn actions_keep_their_case_and_begin_with_a_letter() {
        for good in ["read", "GET", "App1.Module2.run", "can_read", "a%2Fb", &"x".repeat(64)] {
            assert!(Action::parse(good).is_ok() && ActionPattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "*", "/get", "1", "%41", "_x", "a b", "a*", "é", "(GET)|(POST)", "a,b", &"x".repeat(65)] {
            assert!(Action::parse(bad).is_err(), "{bad:?}");
        }
        assert_ne!(Action::parse("GET").unwrap(), Action::parse("get").unwrap());
    }

    #[test]
    fn a_hosts_action_comes_back_from_its_code_and_from_no_other() {
        for (name, code) in [("GET", "GET"), ("do it/now", "do%20it%2Fnow"), ("a*", "a%2A"), ("a%2A", "a%252A")] {
            let action = Action::encode(name).unwrap();
            assert_eq!((action.as_str(), action.decoded().as_deref()), (code, Some(name)));
        }
        for name in ["*", "", "/get", "é", &"ä".repeat(22)] {
            assert!(Action::encode(name).is_err(), "{name:?}");
        }
        for other in ["a%2a", "a%4", "a%41", "a%FF"] {
            assert_eq!(Action::parse(other).unwrap().decoded(), None, "{other}");
        }
    }
}
