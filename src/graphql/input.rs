//! The parsing of input strings to the domain's own types, with the field in the error.

use async_graphql::MaybeUndefined;

use crate::domain::Change;
use crate::error::{Error, Result};

/// Parses one value; its error names the field.
pub(super) fn parse<T>(field: &str, text: &str, parse: impl Fn(&str) -> Result<T>) -> Result<T> {
    parse(text).map_err(|error| if error.field.is_empty() { error.at(field) } else { error })
}

/// Parses a value that may be absent.
pub(super) fn parse_opt<T>(field: &str, text: Option<&str>, with: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
    text.map(|text| parse(field, text, with)).transpose()
}

/// Parses a list; the error names the place in it.
pub(super) fn parse_all<T, C: FromIterator<T>>(
    field: &str,
    texts: &[String],
    with: impl Fn(&str) -> Result<T>,
) -> Result<C> {
    let place = |(i, text): (usize, &String)| with(text).map_err(|error: Error| error.at(i.to_string()).at(field));
    texts.iter().enumerate().map(place).collect()
}

/// Converts a field of an update: absent keeps, `null` clears, a value sets.
pub(super) fn change<T, U>(input: MaybeUndefined<T>, with: impl FnOnce(T) -> Result<U>) -> Result<Change<U>> {
    Ok(match input {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(with(value)?),
    })
}

/// Returns the value that a field is given. An absent one keeps what there is, and `null` is refused.
pub(super) fn given<T>(field: &str, input: MaybeUndefined<T>) -> Result<Option<T>> {
    match input {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => {
            Err(Error::invalid(format!("`{field}` cannot be empty: leave it out to keep what it is")).at(field))
        }
        MaybeUndefined::Value(value) => Ok(Some(value)),
    }
}
