//! The form of an entry of `links`: a section's key alone, or a mapping that says more of its list.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::domain::key::SectionKey;

/// A section whose resources can be chosen in a list.
pub(super) struct RawLink {
    pub(super) section: SectionKey,
    /// `true` for a list that hides what is not associated even when it is linked.
    pub(super) hides_unassociated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    section: SectionKey,
    #[serde(default)]
    hides_unassociated: bool,
}

impl<'de> Deserialize<'de> for RawLink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand: an untagged enum would tell of a wrong entry no more than that it is wrong.
        deserializer.deserialize_any(LinkVisitor)
    }
}

struct LinkVisitor;

impl<'de> Visitor<'de> for LinkVisitor {
    type Value = RawLink;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section key, or a mapping with `section` and `hides_unassociated`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawLink, E> {
        let section = SectionKey::parse(text).map_err(|error| E::custom(error.message))?;
        Ok(RawLink { section, hides_unassociated: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawLink, A::Error> {
        let Mapping { section, hides_unassociated } = Mapping::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RawLink { section, hides_unassociated })
    }
}
