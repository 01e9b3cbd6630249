//! A reader for catalogue files. It refuses a wrong file with its name, line and fault, so that a [`Catalogue`] in hand
//! is always whole: keys are unique, and every reference resolves.
//!
//! This module holds the file's form, as serde sees it. The conditions beyond the form are in `check`.

mod check;
mod link;
#[cfg(test)]
mod tests;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_saphyr::{DuplicateKeyPolicy, MessageFormatter as _, Spanned, UserMessageFormatter};
use sha2::{Digest, Sha256};

use crate::domain::catalogue::Catalogue;
use crate::domain::key::{Action, DataViewKey, ModuleKey, ObjectPattern, PermissionKey, ResourceKey, SectionKey};

use link::RawLink;

const BUILT_IN: &str = include_str!("../../catalogue/contact-center.yaml");

/// The refusal of a catalogue file, such as ``contact-center.yaml:12: there is no section `voice/queue` ``.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {fault}")]
pub struct CatalogueError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line of the fault, from 1.
    pub line: u64,
    /// The fault in that line.
    pub fault: String,
}

/// Reads the catalogue in `text`; `file` is its name in errors.
pub fn parse(text: &str, file: &str) -> Result<Catalogue, CatalogueError> {
    read(text).map_err(|Fault { line, fault }| CatalogueError { file: file.to_owned(), line, fault })
}

/// Reads the built-in catalogue, that of a contact centre.
pub fn built_in() -> Result<Catalogue, CatalogueError> {
    parse(BUILT_IN, "contact-center.yaml")
}

fn read(text: &str) -> Result<Catalogue, Fault> {
    let options = serde_saphyr::options! { with_snippet: false, duplicate_keys: DuplicateKeyPolicy::Error };
    let raw: RawCatalogue = serde_saphyr::from_str_with_options(text, options)?;
    check::check(&raw, HEXLOWER.encode(&Sha256::digest(text)))
}

/// A fault and its line, before the file's name is added.
#[derive(Debug)]
struct Fault {
    line: u64,
    fault: String,
}

impl Fault {
    fn at<T>(place: &Spanned<T>, fault: impl Into<String>) -> Self {
        Self { line: place.referenced.line(), fault: fault.into() }
    }
}

impl From<serde_saphyr::Error> for Fault {
    fn from(error: serde_saphyr::Error) -> Self {
        let line = error.location().map_or(1, |location| location.line().max(1));
        Self { line, fault: UserMessageFormatter.format_message(&error).into_owned() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogue {
    #[serde(default)]
    data_views: Vec<RawDataView>,
    modules: Spanned<Vec<RawModule>>,
    #[serde(default)]
    permissions: Vec<RawPermission>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDataView {
    key: Spanned<DataViewKey>,
    name: String,
    #[serde(default)]
    masks_contacts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    key: Spanned<ModuleKey>,
    name: String,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    platform: bool,
    #[serde(default = "yes")]
    in_profiles: bool,
    sections: Vec<RawSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSection {
    key: Spanned<String>,
    name: String,
    #[serde(default = "yes")]
    resources: bool,
    rights: Option<Spanned<Vec<Right>>>,
    #[serde(default)]
    download: bool,
    #[serde(default)]
    links: Vec<Spanned<RawLink>>,
    #[serde(default)]
    goes_with: Vec<Spanned<SectionKey>>,
    #[serde(default)]
    built_in: Vec<RawBuiltIn>,
    data_view: Option<Spanned<DataViewKey>>,
    #[serde(default)]
    unmasked_by_edit: bool,
    #[serde(default)]
    entries: bool,
    shown_under: Option<Spanned<ModuleKey>>,
    members: Option<Spanned<SectionKey>>,
    formerly: Option<Spanned<String>>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Right {
    Read,
    Edit,
    Delete,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBuiltIn {
    key: Spanned<ResourceKey>,
    name: String,
    #[serde(default)]
    protected: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPermission {
    key: Spanned<PermissionKey>,
    name: String,
    description: String,
    #[serde(default)]
    requires: Vec<Spanned<PermissionKey>>,
    pairs: Vec<RawPairs>,
}

/// An object with each action that the permission gives on it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPairs {
    object: Spanned<ObjectPattern>,
    actions: Vec<Action>,
}

const fn yes() -> bool {
    true
}
