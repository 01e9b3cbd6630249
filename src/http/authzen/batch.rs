//! Several evaluations in one request: what they have in common stands once at the top.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::evaluation::{self, Answer};
use super::shape::{SubjectTypes, wrong};
use super::strict;
use crate::error::{Error, Result};
use crate::service::ask::decision::{DECISIONS_MAX, Decision, Query};

/// The members that stand at the top for all evaluations that lack them.
const DEFAULTS: [&str; 4] = ["subject", "action", "resource", "context"];

/// Extent to which a batch is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Semantic {
    /// The whole batch.
    All,
    /// The part up to the first deny, which an evaluation that is wrong is too.
    FirstDeny,
    /// The part up to the first permit.
    FirstPermit,
}

impl Semantic {
    fn parse(options: Option<&Value>) -> Result<Self> {
        let Some(options) = options.filter(|options| !options.is_null()) else { return Ok(Self::All) };
        let Value::Object(options) = options else { return Err(wrong(&["options"], "must be an object")) };
        match options.get("evaluations_semantic").map(Value::as_str) {
            None | Some(Some("execute_all")) => Ok(Self::All),
            Some(Some("deny_on_first_deny")) => Ok(Self::FirstDeny),
            Some(Some("permit_on_first_permit")) => Ok(Self::FirstPermit),
            Some(_) => Err(wrong(
                &["options", "evaluations_semantic"],
                "must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
            )),
        }
    }

    /// Returns `true` if nothing is evaluated after this answer.
    pub(super) const fn ends_at(self, allowed: bool) -> bool {
        match self {
            Self::All => false,
            Self::FirstDeny => !allowed,
            Self::FirstPermit => allowed,
        }
    }
}

/// Question of a request: one evaluation, or several.
#[derive(Debug)]
pub(super) enum Evaluations {
    /// One evaluation, as if it had been sent alone.
    One(Query),
    /// Several, each for itself: one that is wrong is a deny, and leaves the others as they are.
    Many(Vec<Result<Query>>, Semantic),
}

/// Reads the request in `body`.
///
/// # Errors
/// `BAD_INPUT` for what concerns them all, at the member that is missing or wrong.
pub(super) fn read(types: &SubjectTypes, body: &[u8]) -> Result<Evaluations> {
    let asked = strict::read(body)?;
    let Value::Object(asked) = asked else { return Err(Error::bad_input("the body must be a JSON object")) };
    let semantic = Semantic::parse(asked.get("options"))?;
    let evaluations = match asked.get("evaluations") {
        None => return evaluation::of_members(types, |name| asked.get(name)).map(Evaluations::One),
        Some(Value::Array(none)) if none.is_empty() => {
            return evaluation::of_members(types, |name| asked.get(name)).map(Evaluations::One);
        }
        Some(Value::Array(evaluations)) => evaluations,
        Some(_) => return Err(wrong(&["evaluations"], "must be a list")),
    };
    if evaluations.len() > DECISIONS_MAX {
        return Err(wrong(&["evaluations"], &format!("has more than {DECISIONS_MAX} entries")));
    }
    for name in DEFAULTS {
        if asked.get(name).is_some_and(|default| !default.is_object() && !default.is_null()) {
            return Err(wrong(&[name], "must be an object"));
        }
    }
    let queries = evaluations.iter().enumerate().map(|(place, own)| {
        completed(types, own, &asked).map_err(|error| error.at(place.to_string()).at("evaluations"))
    });
    Ok(Evaluations::Many(queries.collect(), semantic))
}

/// Reads an evaluation, with the members at the top of the request for those that it lacks: each is one or the other,
/// never a mixture.
fn completed(types: &SubjectTypes, own: &Value, top: &Map<String, Value>) -> Result<Query> {
    let Value::Object(own) = own else { return Err(Error::bad_input("an evaluation must be an object")) };
    evaluation::of_members(types, |name| own.get(name).or_else(|| top.get(name)))
}

/// The answer to several evaluations, in their order.
#[derive(Debug, Serialize)]
pub(super) struct Answers<'a> {
    evaluations: Vec<One<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum One<'a> {
    Decided(Answer<'a>),
    Wrong(Value),
}

impl<'a> Answers<'a> {
    /// Puts the decisions, which are those of the queries that are right, among the others.
    pub(super) fn of(queries: &[Result<Query>], decisions: &'a [Decision], semantic: Semantic) -> Self {
        let (mut decisions, mut evaluations) = (decisions.iter(), Vec::with_capacity(queries.len()));
        for query in queries {
            let (answer, allowed) = match query {
                Ok(_) => match decisions.next() {
                    Some(decision) => (One::Decided(Answer::of(decision)), decision.allowed),
                    None => break,
                },
                Err(error) => (One::Wrong(refused(error)), false),
            };
            evaluations.push(answer);
            if semantic.ends_at(allowed) {
                break;
            }
        }
        Self { evaluations }
    }
}

/// Returns the answer to an evaluation that cannot be made: a deny that says why.
fn refused(error: &Error) -> Value {
    let error = json!({ "status": 400, "code": error.code.as_ref(), "message": error.message, "field": error.field });
    json!({ "decision": false, "context": { "error": error } })
}
