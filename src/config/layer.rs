//! The sources of settings. Each setting knows the layer that set it last, so that an error names the variable, or the
//! key and the file, to change.
//!
//! TOML is parsed by `toml`, and the path to a wrong setting found by `serde_path_to_error`. What is ours is the value:
//! a variable is a text whatever its setting is, an empty one unsets, and no fault quotes what it refuses.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::de::value::MapDeserializer;
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

use super::SettingsError;
use super::fault::Fault;

/// The prefix of the variables' names.
pub(super) const PREFIX: &str = "BAILIWICK_";

/// The settings of all layers, each as the last layer that has it sets it.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, (Setting, Source)>);

/// The value of a setting; none if a variable unsets it.
struct Setting(Option<Value>);

/// The place in which a setting was set.
#[derive(Clone)]
enum Source {
    File(Rc<str>),
    Environment,
}

impl Layers {
    /// Adds the settings in the TOML `text` of the file `name`.
    pub(super) fn add_toml(&mut self, name: &str, text: &str) -> Result<(), SettingsError> {
        let table: Table = toml::from_str(text).map_err(|error| {
            // Not its `Display`, which quotes the line: it can hold a password.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            SettingsError::Syntax { file: name.to_owned(), line, fault: error.message().to_owned() }
        })?;
        let source = Source::File(Rc::from(name));
        self.0.extend(table.into_iter().map(|(name, value)| (name, (Setting(Some(value)), source.clone()))));
        Ok(())
    }

    /// Adds the settings in the environment. An empty variable unsets: an optional setting is then off, whatever the
    /// file says, and any other is refused.
    pub(super) fn add_environment(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        self.0.extend(env.into_iter().filter_map(|(name, text)| {
            let setting = swap_case(name.strip_prefix(PREFIX)?);
            let value = (!text.trim().is_empty()).then_some(Value::String(text));
            Some((setting, (Setting(value), Source::Environment)))
        }));
    }

    /// Reads the settings, each checked.
    pub(super) fn extract<T: for<'de> Deserialize<'de>>(&self) -> Result<T, SettingsError> {
        let values = self.0.iter().map(|(name, (setting, _))| (name.as_str(), setting));
        serde_path_to_error::deserialize(MapDeserializer::<_, Fault>::new(values)).map_err(|error| {
            let path = error.path().to_string();
            self.explain(&path, error.into_inner())
        })
    }

    /// Puts a fault in our words, with the name that the setting has where it was set.
    fn explain(&self, path: &str, fault: Fault) -> SettingsError {
        let named = |setting: &str| match self.0.get(setting) {
            Some((_, Source::Environment)) => variable(setting),
            Some((_, Source::File(file))) => format!("{setting} in {file}"),
            None => setting.to_owned(),
        };
        match fault {
            Fault::Unknown { setting, known } => {
                let variables = matches!(self.0.get(&setting), Some((_, Source::Environment)));
                let name = |field: &&str| if variables { variable(field) } else { (*field).to_owned() };
                let known = known.iter().map(name).collect::<Vec<_>>().join(", ");
                SettingsError::Unknown { setting: named(&setting), known }
            }
            Fault::Wrong(fault) => SettingsError::Wrong { setting: named(path), fault },
        }
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

/// Returns the meaning of a switch that is written as a text.
fn switch(text: &str) -> Option<bool> {
    let is = |word: &&str| word.eq_ignore_ascii_case(text);
    let is_on = ["true", "yes", "1", "on"].iter().any(is);
    (is_on || ["false", "no", "0", "off"].iter().any(is)).then_some(is_on)
}

impl<'de> IntoDeserializer<'de, Fault> for &'de Setting {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Setting {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0 {
            None => Err(Fault::Wrong("it is empty".to_owned())),
            Some(Value::String(text)) => visitor.visit_borrowed_str(text),
            Some(Value::Integer(number)) => visitor.visit_i64(*number),
            Some(Value::Float(number)) => visitor.visit_f64(*number),
            Some(Value::Boolean(is)) => visitor.visit_bool(*is),
            Some(Value::Datetime(_)) => Err(serde::de::Error::invalid_type(Unexpected::Other("time"), &visitor)),
            Some(Value::Array(_)) => Err(serde::de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Some(Value::Table(_)) => Err(serde::de::Error::invalid_type(Unexpected::Map, &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0 {
            Some(Value::Integer(number @ (0 | 1))) => visitor.visit_bool(*number == 1),
            Some(Value::String(text)) if let Some(is) = switch(text) => visitor.visit_bool(is),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.as_ref().and_then(Value::as_str).map(str::parse) {
            Some(Ok(number)) => visitor.visit_u32(number),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0.as_ref().and_then(Value::as_str) {
            Some(word) => visitor.visit_enum(word.into_deserializer()),
            None => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u64 f32 f64 char str string seq bytes byte_buf map unit struct
        ignored_any unit_struct newtype_struct tuple_struct tuple identifier
    }
}
