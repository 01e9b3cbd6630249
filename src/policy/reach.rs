//! Which of many things somebody may do something with: the answer of the engine to one question
//! about many objects, and a filter of the store's pages.

use std::collections::BTreeSet;

use crate::domain::key::{Object, ResourceKey, SectionKey};

/// A set of keys that may have no end: rules name some, or all but some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// These alone.
    Only(BTreeSet<ResourceKey>),
    /// All there are and will be, but these.
    AllBut(BTreeSet<ResourceKey>),
}

impl Reach {
    /// Nothing at all.
    pub const fn nothing() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether nothing is in reach, whatever there is.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(keys) if keys.is_empty())
    }

    /// Whether the key is in reach.
    pub fn holds(&self, key: &str) -> bool {
        match self {
            Self::Only(keys) => keys.contains(key),
            Self::AllBut(keys) => !keys.contains(key),
        }
    }

    /// The same with these keys in reach as well.
    #[must_use]
    pub fn with(&self, more: &BTreeSet<ResourceKey>) -> Self {
        match self {
            Self::Only(keys) => Self::Only(keys | more),
            Self::AllBut(keys) => Self::AllBut(keys - more),
        }
    }
}

/// The resources on which somebody may do anything at all, and perhaps some on which it may not:
/// what is to be looked at one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// All resources of these sections.
    pub sections: BTreeSet<SectionKey>,
    /// These beside.
    pub resources: BTreeSet<Object>,
}

/// A part of a list that is in the order of its keys: what lies between two places, from either end.
#[derive(Debug, Clone)]
pub struct Part<K> {
    /// Only what comes after it.
    pub after: Option<K>,
    /// Only what comes before it.
    pub before: Option<K>,
    /// Whether it is taken from the end.
    pub backward: bool,
}

impl<K> Part<K> {
    /// The whole list.
    pub const fn whole() -> Self {
        Self { after: None, before: None, backward: false }
    }
}

impl<K: Ord> Part<K> {
    /// Whether the key lies between the two places.
    pub fn holds(&self, key: &K) -> bool {
        self.after.as_ref().is_none_or(|after| after < key) && self.before.as_ref().is_none_or(|before| key < before)
    }
}
