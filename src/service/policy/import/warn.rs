//! Warnings about lines that may mean something else than is read. They never stop an import.

use std::collections::{HashMap, HashSet};

/// Maximum number of warnings.
const TOLD: usize = 100;

/// Line that may contain a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Number of the line, from 1.
    pub number: u64,
    /// Number of the column, from 1; the first is the kind of the line.
    pub column: usize,
    /// Message that says what is unusual, and how it is read.
    pub message: String,
}

/// Collector of warnings while a file is read.
#[derive(Default)]
pub(super) struct Notes<'r> {
    pub(super) warnings: Vec<Warning>,
    /// Names so far, keyed by their text without spaces and case, each with its first line.
    names: HashMap<String, (&'r str, u64)>,
    /// Names that were already warned about.
    told: HashSet<&'r str>,
    has_denials: bool,
    has_idle: bool,
}

impl<'r> Notes<'r> {
    /// Checks a name of a user or a role.
    pub(super) fn name(&mut self, number: u64, column: usize, text: &'r str) {
        let bare: String = text.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect();
        let (known, line) = *self.names.entry(bare).or_insert((text, number));
        let is_spaced = text.split(':').skip(1).any(|part| part.starts_with(char::is_whitespace))
            || text.rsplit(':').skip(1).any(|part| part.ends_with(char::is_whitespace));
        let message = if known != text {
            format!(
                "`{text}` is not `{known}` of line {line}, to Casbin neither: write both in one way, if one is meant"
            )
        } else if is_spaced {
            format!("`{text}` has a space beside its `:`, which belongs to the name: take it out, if it is a slip")
        } else {
            return;
        };
        if self.told.insert(text) {
            self.push(number, column, message);
        }
    }

    /// Warns about the first denial of a file without a model.
    pub(super) fn denial(&mut self, number: u64) {
        if !std::mem::replace(&mut self.has_denials, true) {
            let message = "a denial wins here over whatever allows: if the file's model does otherwise, give it (`model`), \
                           and each line that would differ is named";
            self.push(number, 1, message.to_owned());
        }
    }

    /// Warns about the first line on which no decision depends.
    pub(super) fn idle(&mut self, number: u64) {
        if !std::mem::replace(&mut self.has_idle, true) {
            let message = "no decision by the model depends on lines of this kind, or they are of another kind of policy: \
                           they are left out";
            self.push(number, 1, message.to_owned());
        }
    }

    /// Adds a warning, up to the bound.
    pub(super) fn push(&mut self, number: u64, column: usize, message: String) {
        if self.warnings.len() < TOLD {
            self.warnings.push(Warning { number, column, message });
        }
    }
}
