//! The faults that serde finds in settings. They never hold the value: it can be a secret.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

/// A fault of one setting.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No setting has this name.
    #[error("there is no `{setting}`")]
    Unknown {
        /// The name.
        setting: String,
        /// All settings that exist.
        known: &'static [&'static str],
    },
    /// The fault in the value of a setting that exists.
    #[error("{0}")]
    Wrong(String),
}

impl Error for Fault {
    fn custom<T: fmt::Display>(fault: T) -> Self {
        Self::Wrong(fault.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Wrong(format!("it must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Wrong(format!("it must be {expected}"))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        let words = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
        Self::Wrong(format!("it must be {}", words.join(" or ")))
    }

    fn unknown_field(setting: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { setting: setting.to_owned(), known }
    }
}
