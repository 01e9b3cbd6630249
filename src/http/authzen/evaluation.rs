//! One access evaluation: the request is read in one pass over the body, borrowing its texts; only
//! a request that is wrong is looked at again, to say where. Those of a batch are read the same way.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::shape::{self, Shape, SubjectTypes, about};
use crate::error::{Error, Result};
use crate::service::ask::decision::{Decision, Obligation, Query};

/// Members that the request must hold, by which a faulty one is told what it lacks.
const SHAPE: Shape = &[("subject", &["type", "id"]), ("action", &["name"]), ("resource", &["type", "id"])];

#[derive(Deserialize)]
struct RawEvaluation<'a> {
    #[serde(borrow)]
    subject: Members<Entity<'a>>,
    #[serde(borrow)]
    action: Members<Named<'a>>,
    #[serde(borrow)]
    resource: Members<Entity<'a>>,
    /// Known facts about the request. Roles need none.
    #[serde(rename = "context")]
    _context: Option<Members<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Entity<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    /// Properties that the caller claims. Stored ones alone count, so that no caller can give rights.
    #[serde(rename = "properties")]
    _properties: Option<Members<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(rename = "properties")]
    _properties: Option<Members<IgnoredAny>>,
}

/// A JSON object. Read as a plain struct, a list of the members' values would do as well.
struct Members<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Members<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Members)
            }
        }
        from.deserialize_map(Map(PhantomData))
    }
}

/// Reads the request in `body`.
///
/// # Errors
/// `BAD_INPUT`, at the member that is missing or wrong.
pub(super) fn read(types: &SubjectTypes, body: &[u8]) -> Result<Query> {
    let Members(asked): Members<RawEvaluation<'_>> =
        serde_json::from_slice(body).map_err(|error| fault(body, &error))?;
    let RawEvaluation { subject: Members(subject), action: Members(action), resource: Members(resource), .. } = &asked;
    Ok(shape::query(about(types, &subject.kind, &subject.id), &action.name, &resource.kind, &resource.id))
}

/// Reads the request out of these members: nothing of them is copied but what the request is.
///
/// # Errors
/// As [`read`].
pub(super) fn of_members<'v>(types: &SubjectTypes, member: impl Fn(&str) -> Option<&'v Value>) -> Result<Query> {
    shape::check_members(SHAPE, &member)?;
    let text = |part: &str, name: &str| member(part).and_then(|part| part.get(name)?.as_str()).unwrap_or_default();
    let about = about(types, text("subject", "type"), text("subject", "id"));
    Ok(shape::query(about, text("action", "name"), text("resource", "type"), text("resource", "id")))
}

/// Returns the error for a body that is no request: its missing or wrong member, or that it cannot be read.
fn fault(body: &[u8], error: &serde_json::Error) -> Error {
    let asked: Option<Value> = serde_json::from_slice(body).ok();
    let wrong = asked.and_then(|asked| shape::check(SHAPE, &asked).err());
    wrong.unwrap_or_else(|| unreadable(error))
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::bad_input(format!("the body cannot be read: {error}"))
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    decision: bool,
    context: Context<'a>,
}

/// Context that goes with the answer.
#[derive(Debug, Serialize)]
struct Context<'a> {
    reason: &'static str,
    revision: u64,
    obligations: Vec<Duty<'a>>,
}

#[derive(Debug, Serialize)]
struct Duty<'a> {
    kind: &'static str,
    view: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    characters: Option<i32>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(decision: &'a Decision) -> Self {
        let duty = |obligation: &'a Obligation| match obligation {
            Obligation::Mask { view, characters } => {
                Duty { kind: "MASK", view: view.as_str(), characters: Some(*characters) }
            }
            Obligation::Anonymise { view } => Duty { kind: "ANONYMISE", view: view.as_str(), characters: None },
        };
        Self {
            decision: decision.allowed,
            context: Context {
                reason: decision.reason.into(),
                revision: decision.revision,
                obligations: decision.obligations.iter().map(duty).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::ask::decision::{About, Object};

    fn request() -> Value {
        json!({
            "subject": { "type": "user", "id": "dana" },
            "action": { "name": "read" },
            "resource": { "type": "voice/queues", "id": "sales" },
        })
    }

    fn refusal(body: &Value) -> String {
        let error = read_text(&body.to_string()).unwrap_err();
        error.field.join(".")
    }

    fn read_text(body: &str) -> Result<Query> {
        read(&SubjectTypes::of(["identity"]), body.as_bytes())
    }

    #[test]
    fn ids_become_objects_of_the_grammar() {
        for (kind, id, object) in [
            ("voice/queues", "sales", "voice/queues/sales"),
            ("voice/queues", "Büro 1/*", "voice/queues/B%C3%BCro%201%2F%2A"),
            ("record", "record-1", "record/record-1"),
            ("section", "voice/queues", "voice/queues"),
            ("section", "voice", "voice"),
            ("route", "/users/{userId}", "route/%2Fusers%2F%7BuserId%7D"),
            ("voice/*", "sales", "voice/%2A/sales"),
        ] {
            let mut body = request();
            body["resource"] = json!({ "type": kind, "id": id });
            assert_eq!(read_text(&body.to_string()).unwrap().object.as_str(), object);
        }
    }

    #[test]
    fn a_text_with_escapes_is_read_as_what_it_stands_for() {
        let body = request().to_string().replace("dana", r"\u0064ana");
        assert!(matches!(read_text(&body).unwrap().subject, About::User(key) if key.as_str() == "dana"));
    }

    #[test]
    fn a_subject_that_no_key_can_name_is_nobody() {
        for (kind, id) in [("service", "dana"), ("user", "role:admin"), ("user", ""), ("user", "Dana"), ("user", "*")] {
            let mut body = request();
            body["subject"] = json!({ "type": kind, "id": id });
            assert!(matches!(read_text(&body.to_string()).unwrap().subject, About::Nobody), "{kind} {id}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (path, members) in SHAPE.iter().copied() {
            let mut body = request();
            body.as_object_mut().unwrap().remove(path);
            assert_eq!(refusal(&body), path);
            for wrong in [json!("alice"), json!(["user", "alice"]), json!(null), json!(1)] {
                let mut body = request();
                body[path] = wrong;
                assert_eq!(refusal(&body), path);
            }
            for member in members.iter().copied().chain(["properties"]) {
                let mut body = request();
                body[path][member] = json!([1]);
                assert_eq!(refusal(&body), format!("{path}.{member}"));
            }
            for member in members {
                let mut body = request();
                body[path].as_object_mut().unwrap().remove(*member);
                assert_eq!(refusal(&body), format!("{path}.{member}"));
            }
        }
        let mut body = request();
        body["context"] = json!("now");
        assert_eq!(refusal(&body), "context");
    }

    #[test]
    fn a_name_that_no_rule_can_hold_is_a_request_about_nothing() {
        for (at, value) in [
            ("action", json!({ "name": "" })),
            ("action", json!({ "name": "*" })),
            ("action", json!({ "name": "x".repeat(65) })),
            ("resource", json!({ "type": "", "id": "sales" })),
            ("resource", json!({ "type": "voice/", "id": "sales" })),
            ("resource", json!({ "type": "voice/queues", "id": "" })),
            ("resource", json!({ "type": "voice/queues", "id": "x".repeat(129) })),
            ("resource", json!({ "type": "section", "id": "voice/*" })),
        ] {
            let mut body = request();
            body[at] = value;
            let query = read_text(&body.to_string()).unwrap();
            assert_eq!(query.object, Object::nothing(), "{body}");
            assert!(matches!(query.subject, About::User(_)), "{body}");
        }
    }

    #[test]
    fn a_type_that_the_settings_name_stands_for_users() {
        for (kind, is_user) in [("user", true), ("identity", true), ("Identity", false), ("person", false)] {
            let mut body = request();
            body["subject"]["type"] = json!(kind);
            let subject = read_text(&body.to_string()).unwrap().subject;
            assert_eq!(matches!(subject, About::User(_)), is_user, "{kind}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        let twice = request().to_string().replacen('{', r#"{"action":{"name":"edit"},"#, 1);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let trailing = format!("{} {{}}", request());
        for body in ["", "{", "null", "[]", r#"["subject"]"#, "\u{feff}{}", &twice, &deep, &trailing] {
            assert!(read_text(body).is_err(), "{body}");
        }
        assert!(read(&SubjectTypes::default(), b"{\"subject\":{\"type\":\"user\",\"id\":\"\xff\"}}").is_err());
    }
}
