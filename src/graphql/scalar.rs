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

/// A counter as GraphQL's `Int`, which has 32 bits: it stays at the largest.
pub(super) fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
