//! The cost of lists: each field with a list counts the cost of one item as often as the list can hold items.
//! `tests/schema.rs` finds a list that counts as one.
//!
//! The numbers of the catalogue's lists are those of the catalogue that is served. async-graphql
//! gives the functions that count nothing but the arguments, so they stand beside the check itself,
//! which is made in one go on one thread.

use std::cell::Cell;

use crate::domain::catalogue::{Catalogue, Module, Section};
use crate::service::ask::menu::ENTRIES_MAX;

/// The maximum cost of one field: sums over a whole document stay far from an overflow.
const CEILING: usize = 1 << 40;

/// The lengths of the catalogue's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    modules: usize,
    /// Sections of a module, on the average: a document meets the modules all together, or few.
    sections: usize,
    /// The most links of a section. These lead on, so an average would be less than a way along
    /// the sections with most of them.
    links: usize,
    /// The most sections that one goes with; they lead on too.
    goes_with: usize,
    permissions: usize,
    /// The most permissions that one requires.
    requires: usize,
    data_views: usize,
    /// Entries of a section in a menu, on the average.
    entries: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self::BUILT_IN
    }
}

impl Sizes {
    /// The lengths of the lists of the built-in catalogue.
    const BUILT_IN: Self = Self {
        modules: 22,
        sections: 4,
        links: 11,
        goes_with: 7,
        permissions: 7,
        requires: 1,
        data_views: 6,
        entries: 4,
    };

    /// Counts what a catalogue holds.
    pub fn of(catalogue: &Catalogue) -> Self {
        let sections = || catalogue.modules().iter().flat_map(|module: &Module| &module.sections);
        let most = |count: fn(&Section) -> usize| sections().map(count).max().unwrap_or_default();
        let with_entries = sections().filter(|section| section.entries).count();
        Self {
            modules: catalogue.modules().len(),
            sections: sections().count().div_ceil(catalogue.modules().len().max(1)),
            links: most(|section| section.links.len()),
            goes_with: most(|section| section.goes_with.len()),
            permissions: catalogue.permissions().len(),
            requires: catalogue.permissions().iter().map(|one| one.requires.len()).max().unwrap_or_default(),
            data_views: catalogue.data_views().len(),
            entries: (with_entries * ENTRIES_MAX).div_ceil(sections().count().max(1)),
        }
    }

    /// Runs a check of a document in which lists cost what this catalogue's hold.
    pub fn count<T>(self, check: impl FnOnce() -> T) -> T {
        let before = SIZES.replace(self);
        let checked = check();
        SIZES.set(before);
        checked
    }
}

thread_local! {
    static SIZES: Cell<Sizes> = const { Cell::new(Sizes::BUILT_IN) };
}

/// Returns the cost of a list of at most `most` items, each of which costs `child`.
pub(super) fn list(most: usize, child: usize) -> usize {
    most.saturating_mul(child.max(1)).saturating_add(1).min(CEILING)
}

/// Declares the costs of the catalogue's lists.
macro_rules! catalogue_lists {
    ($($(#[$meta:meta])* $name:ident)*) => {
        $($(#[$meta])*
        pub(super) fn $name(child: usize) -> usize {
            list(SIZES.get().$name, child)
        })*
    };
}

catalogue_lists! {
    /// The cost of a list of modules.
    modules
    /// The cost of a list of a module's sections.
    sections
    /// The cost of a list of a section's links.
    links
    /// The cost of a list of the sections that one goes with.
    goes_with
    /// The cost of a list of named permissions.
    permissions
    /// The cost of a list of the permissions that one requires.
    requires
    /// The cost of a list of data views.
    data_views
    /// The cost of a list of a menu section's entries.
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_hold_for_one_check() {
        let empty = Sizes::of(&Catalogue::new(Vec::new(), Vec::new(), Vec::new(), String::new()));
        assert_eq!(empty.count(|| (modules(10), links(10), entries(10))), (1, 1, 1));
        assert_eq!((modules(10), links(10)), (221, 111), "a check leaves nothing behind");
    }

    #[test]
    fn no_cost_is_near_the_end_of_the_numbers() {
        let deep = (0..50).fold(1, |child, _| list(1000, child));
        assert_eq!(deep, CEILING);
        assert!(deep.checked_mul(100_000).is_some());
    }
}
