//! The floors of HTTP: the cost of reading such a request and writing such an answer by itself.
//!
//! - a plain axum route that parses the body of `AuthZEN`'s evaluation, looks one key up in a hash
//!   table and answers in its shape
//! - a plain axum route that executes the same documents by a schema with one static field of the
//!   same type: async-graphql by itself, without transport rules, limits or callers

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use async_graphql::{
    EmptyMutation, EmptySubscription, Enum, InputObject, Object, Request, Response, Schema, SimpleObject,
};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Asked;

/// The paths of the routes.
pub(super) const JSON: &str = "/evaluation";
pub(super) const GRAPHQL: &str = "/graphql";

/// Returns the router of all floors.
pub(super) fn router(asked: &Asked) -> Router {
    let answers: Answers =
        asked.authzen().iter().filter_map(|(body, allowed)| Some((key_of(body)?, *allowed))).collect();
    let plain = Router::new().route(JSON, post(evaluate)).with_state(Arc::new(answers));
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    plain.merge(Router::new().route(GRAPHQL, post(execute)).with_state(schema))
}

type Answers = HashMap<String, bool, RandomState>;

#[derive(Deserialize)]
struct Evaluation {
    subject: Entity,
    resource: Entity,
    action: Act,
}

#[derive(Deserialize)]
struct Entity {
    r#type: String,
    id: String,
}

#[derive(Deserialize)]
struct Act {
    name: String,
}

#[derive(Serialize)]
struct Evaluated {
    decision: bool,
    context: Explained,
}

#[derive(Serialize)]
struct Explained {
    reason: &'static str,
    revision: u64,
    obligations: [(); 0],
}

impl Evaluation {
    fn key(&self) -> String {
        format!("{} {} {}/{}", self.subject.id, self.action.name, self.resource.r#type, self.resource.id)
    }
}

fn key_of(body: &str) -> Option<String> {
    serde_json::from_str::<Evaluation>(body).ok().map(|evaluation| evaluation.key())
}

async fn evaluate(State(answers): State<Arc<Answers>>, Json(evaluation): Json<Evaluation>) -> Json<Evaluated> {
    let decision = answers.get(&evaluation.key()).copied().unwrap_or_default();
    let reason = if decision { "ALLOWED" } else { "NO_MATCHING_RULE" };
    Json(Evaluated { decision, context: Explained { reason, revision: 1, obligations: [] } })
}

type Static = Schema<Query, EmptyMutation, EmptySubscription>;

async fn execute(State(schema): State<Static>, Json(request): Json<Request>) -> Json<Response> {
    Json(schema.execute(request).await)
}

struct Query;

#[derive(InputObject)]
struct DecisionInput {
    subject: Option<String>,
    action: String,
    object: String,
}

#[derive(SimpleObject)]
struct Decision {
    allowed: bool,
    reason: Reason,
    obligations: Vec<Obligation>,
    revision: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Reason {
    Allowed,
    NoMatchingRule,
}

#[derive(SimpleObject)]
struct Obligation {
    kind: String,
    view: String,
    characters: Option<i32>,
}

#[Object]
impl Query {
    async fn decision(&self, input: DecisionInput) -> Decision {
        let asked = !input.action.is_empty() && !input.object.is_empty() && input.subject.is_some();
        let reason = if asked { Reason::Allowed } else { Reason::NoMatchingRule };
        Decision { allowed: asked, reason, obligations: Vec::new(), revision: 1 }
    }
}
