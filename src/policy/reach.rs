//! Which of the things directly below a path somebody may do something with: the answer of the
//! engine to one question about many objects, and a filter of the store's pages.

use std::collections::BTreeSet;

use crate::domain::key::ResourceKey;

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
