//! Scalars and small conversions that all concepts share.

use async_graphql::{Description, InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::domain::name::Timestamp;

/// A moment as RFC 3339 in UTC, such as `2026-01-31T09:30:00Z`.
#[derive(Debug, Clone, Copy, Description)]
pub struct DateTime(pub Timestamp);

#[Scalar(use_type_description = true)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                Timestamp::from_rfc3339(text).map(Self).map_err(|error| InputValueError::custom(error.message))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339())
    }
}

/// A file, as the [GraphQL multipart request
/// specification](https://github.com/jaydenseric/graphql-multipart-request-spec) has it: null in
/// the variables of the part `operations`, and in the part `map` the place of that null.
#[derive(Debug, Clone, Description)]
pub struct Upload(pub Vec<u8>);

/// Only the transport can make bytes: JSON and the query's own text have no way to write them.
#[Scalar(
    use_type_description = true,
    specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec"
)]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Binary(bytes) => Ok(Self(bytes.into())),
            _ => Err(InputValueError::custom("a file comes in a GraphQL multipart request, with null in its place")),
        }
    }

    fn to_value(&self) -> Value {
        Value::Binary(self.0.clone().into())
    }
}

/// A counter as GraphQL's `Int`, which has 32 bits: it stays at the largest.
pub(super) fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
