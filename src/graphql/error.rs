//! The form of the system's error in GraphQL: `extensions` holds the code, the field at fault and the count, as the
//! contract requires.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Value};

use crate::error::Error;

/// Converts `error` to a top-level GraphQL error.
///
/// The error itself stays inside as the source, so that the boundary can log what lies behind
/// it, once and with the request's id. A resolver that uses a plain `?` instead loses nothing:
/// the boundary finds the source there too and gives it the same extensions.
pub fn to_graphql(error: &Error) -> async_graphql::Error {
    async_graphql::Error {
        message: error.message.clone(),
        source: Some(Arc::new(error.clone())),
        extensions: Some(extensions(error)),
    }
}

fn extensions(error: &Error) -> ErrorExtensionValues {
    let mut values = ErrorExtensionValues::default();
    values.set("code", error.code.as_ref());
    if !error.field.is_empty() {
        values.set("field", Value::List(error.field.iter().map(|name| Value::from(name.as_str())).collect()));
    }
    if let Some(count) = error.count {
        values.set("count", count);
    }
    if let Some(change) = error.unknown_outcome() {
        values.set("outcome", "UNKNOWN");
        values.set("change", change);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorCode, Related};

    #[test]
    fn an_error_keeps_its_code_field_count_and_source() {
        let error = Error::new(ErrorCode::ProfileInUse, "2 users hold it")
            .at("key")
            .at("input")
            .in_the_way(vec![Related::User("dana".into()), Related::User("joe".into())]);
        let shown = to_graphql(&error);
        let extensions = shown.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from("PROFILE_IN_USE")));
        assert_eq!(extensions.get("field"), Some(&Value::List(vec!["input".into(), "key".into()])));
        assert_eq!(extensions.get("count"), Some(&Value::from(2)));
        assert!(shown.source.unwrap().downcast_ref::<Error>().is_some());
    }

    #[test]
    fn a_change_of_unknown_outcome_is_named_and_its_cause_kept_for_the_log() {
        let error = Error::unavailable("it may be stored").because("the wire broke").of_unknown_outcome("c-1");
        let extensions = to_graphql(&error.clone()).extensions.unwrap();
        assert_eq!(extensions.get("outcome"), Some(&Value::from("UNKNOWN")));
        assert_eq!(extensions.get("change"), Some(&Value::from("c-1")));
        assert_eq!(error.source_text().as_deref(), Some("the wire broke"));
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let extensions = to_graphql(&Error::bad_input("no")).extensions.unwrap();
        assert_eq!(extensions.get("field"), None);
        assert_eq!((extensions.get("count"), extensions.get("outcome")), (None, None));
    }
}
