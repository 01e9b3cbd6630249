//! Objects: the resources of a host and the paths that lead to them, and the patterns of them in rules.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::percent::{path_encoded, percent_decoded, percent_encoded, stands_for_itself};
use super::{SectionKey, UserKey, shown, text_type};
use crate::error::{Error, Result};

/// The most bytes that a host's resource id may have, percent-encoded.
pub const RESOURCE_KEY_MAX: usize = 128;
/// The most bytes that a whole object path may have.
pub const OBJECT_MAX: usize = 512;

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

fn is_resource_key(text: &str) -> bool {
    (1..=RESOURCE_KEY_MAX).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| stands_for_itself(byte) || byte == b'%')
}

impl ResourceKey {
    /// Percent-encodes a host's id into the alphabet of resource keys: every byte outside
    /// `A-Za-z0-9._~@+-` becomes `%XX`. Two different ids never give one key.
    pub fn encode(id: &str) -> Result<Self> {
        Self::parse(&Cow::from(percent_encoded(id)))
    }
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
        Self::parse(&Cow::from(path_encoded(kind)))
    }

    /// Returns an object that no rule can name: no rule's object contains it.
    pub fn nothing() -> Self {
        Self(Arc::from(""))
    }

    /// Returns the host's id of which [`of_id`](Self::of_id) makes this object below `path`, if there is one.
    pub fn id_below(&self, path: &Self) -> Option<String> {
        let segment = self.0.strip_prefix(path.as_str())?.strip_prefix('/')?;
        let id = percent_decoded(segment)?;
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
}
