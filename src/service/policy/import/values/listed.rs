//! Objects that exist, and the patterns of a file that become a line for each of them.

use std::collections::{BTreeSet, HashMap};

use super::super::file::{Fault, fault};
use crate::engine::foreign::{By, TextPattern};
use crate::error::{Error, ErrorCode, Result};

/// Maximum number of objects that are told.
pub const OBJECTS_MAX: usize = 10_000;
/// Maximum number of comparisons of an object with a pattern.
const COMPARED_MAX: usize = 5_000_000;

/// Objects that exist, as the file writes them.
pub(in super::super) struct Listed<'r> {
    objects: &'r [String],
    /// Number of comparisons that can still be made.
    room: usize,
    known: HashMap<(Vec<By>, &'r str), Vec<&'r str>>,
}

impl<'r> Listed<'r> {
    /// # Errors
    /// `TOO_LARGE` above [`OBJECTS_MAX`]; a text that cannot be a single object.
    pub(in super::super) fn of(objects: &'r [String]) -> Result<Self> {
        if objects.len() > OBJECTS_MAX {
            let message = format!("at most {OBJECTS_MAX} objects are told: divide the file, or name prefixes");
            return Err(Error::new(ErrorCode::TooLarge, message).at("objects"));
        }
        if let Some(odd) = objects.iter().find(|object| object.trim().is_empty() || object.contains('*')) {
            return Err(Error::invalid(format!("`{odd}` is no single object")).at("objects"));
        }
        Ok(Self { objects, room: COMPARED_MAX, known: HashMap::new() })
    }

    /// Returns `true` if no objects are told.
    pub(super) const fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Returns the objects that a pattern stands for; `None` if it cannot be a pattern.
    pub(super) fn matching(
        &mut self,
        by: &BTreeSet<By>,
        column: usize,
        text: &'r str,
    ) -> Result<Option<Vec<&'r str>>, Fault> {
        let key = (by.iter().copied().collect(), text);
        if let Some(known) = self.known.get(&key) {
            return Ok(Some(known.clone()));
        }
        let Some(pattern) = TextPattern::compile(by, text) else { return Ok(None) };
        let Some(room) = self.room.checked_sub(self.objects.len()) else {
            return Err(fault(column, "too many patterns for so many objects: tell fewer of them, or name prefixes"));
        };
        self.room = room;
        let matching: Vec<&str> = self.objects.iter().map(String::as_str).filter(|it| pattern.matches(it)).collect();
        self.known.insert(key, matching.clone());
        Ok(Some(matching))
    }
}
