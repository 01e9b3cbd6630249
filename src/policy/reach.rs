//! Sets of objects within a subject's reach: the engine's answer to one question about many objects, and a filter for
//! the store's pages.

use std::collections::BTreeSet;

use crate::domain::key::{Object, ResourceKey, SectionKey};

/// A set of keys that can be endless: rules name some keys, or all but some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// These keys alone.
    Only(BTreeSet<ResourceKey>),
    /// All keys, present and future, but these.
    AllBut(BTreeSet<ResourceKey>),
}

impl Reach {
    /// Returns the reach that holds no key.
    pub const fn nothing() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Returns `true` if no key at all is in reach.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(keys) if keys.is_empty())
    }

    /// Returns `true` if the key is in reach.
    pub fn holds(&self, key: &str) -> bool {
        match self {
            Self::Only(keys) => keys.contains(key),
            Self::AllBut(keys) => !keys.contains(key),
        }
    }

    /// Returns this reach with these keys in it as well.
    #[must_use]
    pub fn with(&self, more: &BTreeSet<ResourceKey>) -> Self {
        match self {
            Self::Only(keys) => Self::Only(keys | more),
            Self::AllBut(keys) => Self::AllBut(keys - more),
        }
    }
}

/// The resources on which a subject can do anything at all, and perhaps some on which they cannot: the ones to look at
/// one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// All resources of these sections.
    pub sections: BTreeSet<SectionKey>,
    /// Further resources.
    pub resources: BTreeSet<Object>,
}

/// A part of a list that is ordered by key: the items between two places, taken from either end.
#[derive(Debug, Clone)]
pub struct KeyRange<K> {
    /// The key after which the part begins.
    pub after: Option<K>,
    /// The key before which the part ends.
    pub before: Option<K>,
    /// `true` if items are taken from the end.
    pub backward: bool,
}

impl<K> KeyRange<K> {
    /// Returns the whole list.
    pub const fn whole() -> Self {
        Self { after: None, before: None, backward: false }
    }
}

impl<K: Ord> KeyRange<K> {
    /// Returns `true` if the key lies between the two places.
    pub fn holds(&self, key: &K) -> bool {
        self.after.as_ref().is_none_or(|after| after < key) && self.before.as_ref().is_none_or(|before| key < before)
    }
}
