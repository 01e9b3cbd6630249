//! Common parts of the requests: the members that they must hold, and the subjects and objects that these mean.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::service::ask::decision::{About, Action, Object, Query, UserKey, When};

/// The type of resource whose ids are objects themselves.
pub(super) const SECTION: &str = "section";
/// The type of subject that always stands for users.
const USER: &str = "user";

/// The types of subjects that stand for users: `user`, and those that the settings name beside it.
#[derive(Debug, Clone, Default)]
pub struct SubjectTypes(Vec<String>);

impl SubjectTypes {
    /// Takes the types beside `user`.
    pub fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Tells whether subjects of this type are users.
    pub(super) fn are_users(&self, kind: &str) -> bool {
        kind == USER || self.0.iter().any(|name| name == kind)
    }
}

/// The objects that a request must hold, each with the texts that it must hold.
pub(super) type Shape = &'static [(&'static str, &'static [&'static str])];

/// Checks that a request has this shape. What it holds beside is passed over, as the
/// specification has it, but for `properties` and `context`, which are objects where they are.
///
/// # Errors
/// `BAD_INPUT`, at the member that is missing or wrong.
pub(super) fn check(shape: Shape, asked: &Value) -> Result<()> {
    let Value::Object(asked) = asked else { return Err(Error::bad_input("the body must be a JSON object")) };
    check_members(shape, &|name: &str| asked.get(name))
}

/// Checks that members have this shape, wherever they stand.
pub(super) fn check_members<'v>(shape: Shape, member: &impl Fn(&str) -> Option<&'v Value>) -> Result<()> {
    for (name, members) in shape {
        let Some(part) = member(name) else { return Err(wrong(&[name], "is missing")) };
        let Value::Object(part) = part else { return Err(wrong(&[name], "must be an object")) };
        for member in *members {
            match part.get(*member) {
                Some(Value::String(_)) => {}
                Some(_) => return Err(wrong(&[name, member], "must be a string")),
                None => return Err(wrong(&[name, member], "is missing")),
            }
        }
        if part.get("properties").is_some_and(|properties| !properties.is_object()) {
            return Err(wrong(&[name, "properties"], "must be an object"));
        }
    }
    match member("context") {
        Some(context) if !context.is_object() && !context.is_null() => Err(wrong(&["context"], "must be an object")),
        _ => Ok(()),
    }
}

/// Returns a refusal of the member at this path.
pub(super) fn wrong(path: &[&str], what: &str) -> Error {
    let error = Error::bad_input(format!("`{}` {what}", path.join(".")));
    path.iter().rev().fold(error, |error, name| error.at(*name))
}

/// Returns a text of a request whose shape is checked.
pub(super) fn text<'a>(asked: &'a Value, part: &str, member: &str) -> &'a str {
    asked.get(part).and_then(|part| part.get(member)?.as_str()).unwrap_or_default()
}

/// Returns the user that is meant, or `Nobody`: no key can name a subject of another type, or with another alphabet.
pub(super) fn about(types: &SubjectTypes, kind: &str, id: &str) -> About {
    match UserKey::parse(id) {
        Ok(key) if types.are_users(kind) => About::User(key),
        _ => About::Nobody,
    }
}

/// Returns the object that is meant, if a rule can name it.
pub(super) fn object(kind: &str, id: &str) -> Option<Object> {
    let object = if kind == SECTION {
        Object::parse(id)
    } else {
        Object::of_type(kind).and_then(|path| Object::of_id(&path, id))
    };
    object.ok()
}

/// Returns the request for a decision. One with a name that no rule can hold is well-formed too: no rule matches it.
pub(super) fn query(subject: About, action: &str, kind: &str, id: &str) -> Query {
    match (Action::encode(action), object(kind, id)) {
        (Ok(action), Some(object)) => Query { subject, action, object, when: When::Now },
        _ => Query::about_nothing(subject),
    }
}
