//! The sources of settings. Each layer knows the names that its settings have where they were set, so that an error
//! names the variable, or the key and the file, to change.

use figment::error::{Actual, Error, Kind, OneOf};
use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Empty, Map, Tag, Value};
use figment::{Metadata, Profile, Provider};

use super::SettingsError;

/// The prefix of the variables' names.
pub(super) const PREFIX: &str = "BAILIWICK_";
const ENVIRONMENT: &str = "environment";

/// One source of settings.
pub(super) struct Layer {
    metadata: Metadata,
    settings: Dict,
}

impl Layer {
    /// Reads the settings in the TOML `text` of the file `name`.
    pub(super) fn toml(name: &str, text: &str) -> Result<Self, SettingsError> {
        let settings = Toml::from_str(text).map_err(|error| {
            // Not its `Display`, which quotes the line: it can hold a password.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            SettingsError::Syntax { file: name.to_owned(), line, fault: error.message().to_owned() }
        })?;
        let name = name.to_owned();
        let called = move |_: &Profile, path: &[&str]| format!("{} in {name}", path.join("."));
        Ok(Self { metadata: Metadata::named("file").interpolater(called), settings })
    }

    /// Reads the settings in the environment. An empty variable unsets: an optional setting is then off, whatever the
    /// file says, and any other is refused.
    pub(super) fn environment(env: impl IntoIterator<Item = (String, String)>) -> Self {
        let settings = env.into_iter().filter_map(|(name, text)| {
            let setting = swap_case(name.strip_prefix(PREFIX)?);
            let empty = text.trim().is_empty();
            Some((setting, if empty { Value::Empty(Tag::Default, Empty::None) } else { Value::from(text) }))
        });
        let called = |_: &Profile, path: &[&str]| variable(&path.join("."));
        Self { settings: settings.collect(), metadata: Metadata::named(ENVIRONMENT).interpolater(called) }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}

/// Returns `listen` for `LISTEN`, and the reverse. Lower case alone would take `BAILIWICK_listen` for a setting too,
/// and leave it to chance which of two spellings holds.
fn swap_case(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }).collect()
}

/// Returns the name of a setting in the environment.
fn variable(setting: &str) -> String {
    format!("{PREFIX}{}", swap_case(setting))
}

/// Puts the error in our words, without the value: it can be a secret.
pub(super) fn explain(error: Error) -> SettingsError {
    let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    let setting = match &error.metadata {
        Some(metadata) => metadata.interpolate(&Profile::Default, &path),
        None => path.join("."),
    };
    let fault = match error.kind {
        Kind::UnknownField(_, fields) => {
            let variables = error.metadata.is_some_and(|metadata| metadata.name == ENVIRONMENT);
            return SettingsError::Unknown { setting, known: known(fields, variables) };
        }
        Kind::InvalidType(Actual::Option, _) => "it is empty".to_owned(),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("it must be {expected}"),
        Kind::UnknownVariant(_, variants) => format!("it must be {}", OneOf(variants)),
        Kind::Message(fault) => fault,
        _ => "it has the wrong form".to_owned(),
    };
    SettingsError::Wrong { setting, fault }
}

/// Lists all settings, by their names in the environment or in a file.
fn known(fields: &[&str], variables: bool) -> String {
    let name = |field: &&str| if variables { variable(field) } else { (*field).to_owned() };
    fields.iter().map(name).collect::<Vec<_>>().join(", ")
}
