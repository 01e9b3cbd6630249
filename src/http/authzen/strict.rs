//! JSON in which no object has two members of one name. Readers differ in which of the two counts, so a gateway that
//! looks at one could be told a decision about the other.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Reads the body of a request.
///
/// # Errors
/// `BAD_INPUT` when it is no JSON, or names a member twice.
pub(super) fn read(body: &[u8]) -> Result<Value> {
    let read: serde_json::Result<Strict> = serde_json::from_slice(body);
    read.map(|Strict(value)| value).map_err(|error| Error::bad_input(format!("the body cannot be read: {error}")))
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("the member `{name}` stands twice")));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_it_is_and_a_member_that_stands_twice_is_refused_at_any_depth() {
        let text = r#"{"a":[1,-2,0.5,"x",true,null,{"b":{}}],"c":18446744073709551615}"#;
        assert_eq!(read(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        for twice in
            [r#"{"a":1,"a":1}"#, r#"{"evaluations":[{"action":{"name":"x","name":"y"}}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            let refused = read(twice.as_bytes()).unwrap_err();
            assert_eq!(refused.code, crate::error::ErrorCode::BadInput, "{twice}");
            assert!(refused.message.contains("stands twice"), "{}", refused.message);
        }
    }
}
