//! Runs operations: validates the document as it came, brings it into the form in which each field
//! stands once, and runs that. Every transport comes by here.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{
    Data, Executor, ObjectType, Positioned, Request, Response, Schema, SchemaBuilder, ServerError, SubscriptionType,
    ValidationMode, Value,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};

use super::desk::{Desk, Sender};
use super::errors::shown;
use super::limits::{self, Budget};
use crate::error::{Error, Result};
use crate::graphql::Sizes;

mod check;
mod large;
mod merge;
mod pace;
mod shape;

use check::NeverRuns;
use large::LargeAnswers;
use merge::{Given, Merger};
use pace::Pace;
use shape::Shape;

/// An executor of a schema within the [`limits`].
pub struct Runner<Q, M, S> {
    /// Validates, and runs nothing.
    checking: Schema<Q, M, S>,
    /// Runs what has been validated.
    running: Schema<Q, M, S>,
    shape: Arc<Shape>,
    sizes: Sizes,
    desk: Desk,
    large: LargeAnswers,
}

impl<Q, M, S> Clone for Runner<Q, M, S> {
    fn clone(&self) -> Self {
        Self {
            checking: self.checking.clone(),
            running: self.running.clone(),
            shape: Arc::clone(&self.shape),
            sizes: self.sizes,
            desk: self.desk.clone(),
            large: self.large.clone(),
        }
    }
}

/// What a document comes to.
enum Prepared {
    /// An operation to run.
    Run(Box<Job>),
    /// Nothing: its conditions leave all of it out.
    Nothing,
}

/// An operation to run.
struct Job {
    request: Request,
    /// Its document's.
    complexity: u64,
    runs: OperationType,
}

type Refused = Vec<ServerError>;

impl<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static> Runner<Q, M, S> {
    /// Builds the schema that `build` describes; lists of the catalogue cost by these sizes.
    pub fn new(build: impl Fn() -> SchemaBuilder<Q, M, S>, sizes: Sizes) -> Result<Self> {
        let never_runs = NeverRuns::default();
        let checking = limits::limit(build()).extension(never_runs.clone()).finish();
        let running = build().validation_mode(ValidationMode::Fast).extension(Pace).finish();
        let probed = checking.execute("{__typename}").now_or_never();
        let shape = never_runs.shape();
        let shape = shape.ok_or_else(|| Error::internal(format!("the schema does not validate: {probed:?}")))?;
        Ok(Self { checking, running, shape, sizes, desk: Desk::new(), large: LargeAnswers::new() })
    }

    async fn prepare(&self, request: Request) -> std::result::Result<Prepared, Refused> {
        let own = self.clone();
        let prepared =
            self.desk.work(&Sender::of(&request.data), request.query.len(), move || own.check(request)).await;
        prepared.map_err(|error| vec![shown(&error)])?
    }

    /// Validates the document and gives the request the one to run.
    fn check(&self, mut request: Request) -> std::result::Result<Prepared, Refused> {
        let document = request.parsed_query().map_err(|error| vec![error])?.clone();
        let complexity = self.validate(&request, &document)?;
        let merged = self.merge(&request, &document).map_err(|error| vec![error])?;
        let Some((name, operation)) = merged else { return Ok(Prepared::Nothing) };
        let runs = operation.node.ty;
        let operations = match name {
            Some(name) => DocumentOperations::Multiple([(name, operation)].into()),
            None => DocumentOperations::Single(operation),
        };
        request.set_parsed_query(ExecutableDocument { operations, fragments: HashMap::default() });
        Ok(Prepared::Run(Box::new(Job { request, complexity, runs })))
    }

    /// Validates the document, and tells its complexity.
    fn validate(&self, request: &Request, document: &ExecutableDocument) -> std::result::Result<u64, Refused> {
        let mut asked = Request::new("").variables(request.variables.clone());
        asked.operation_name.clone_from(&request.operation_name);
        asked.set_parsed_query(document.clone());
        let answered = self.sizes.count(|| self.checking.execute(asked).now_or_never());
        match answered {
            Some(answer) if answer.errors.is_empty() => Ok(match answer.data {
                Value::Number(complexity) => complexity.as_u64().unwrap_or(u64::MAX),
                _ => u64::MAX,
            }),
            Some(answer) => Err(answer.errors),
            None => Err(vec![shown(&Error::internal("a validation waits for something"))]),
        }
    }

    /// Runs an operation. A change waits for no turn: it is stored whatever is asked of it.
    async fn run(&self, job: Job) -> Response {
        if let Some(Err(error)) = Budget::of(&job.request.data).map(|budget| budget.take(job.complexity)) {
            return Response::from_errors(vec![error]);
        }
        let complexity = if job.runs == OperationType::Query { job.complexity } else { 0 };
        let turn = self.large.turn(Sender::of(&job.request.data), complexity).await;
        match turn {
            Ok(_turn) => self.running.execute(job.request).await,
            Err(error) => Response::from_errors(vec![shown(&error)]),
        }
    }

    /// The operation to run, each of its fields once; none when it asks for nothing.
    fn merge(
        &self,
        request: &Request,
        document: &ExecutableDocument,
    ) -> std::result::Result<Option<Named>, ServerError> {
        let merger = |given| Merger::new(&self.shape, &document.fragments, given);
        let mut whole = Vec::new();
        for (name, operation) in document.operations.iter() {
            let all = merger(Given::All).operation(&operation.node)?;
            if all.operation.ty == OperationType::Subscription && all.operation.selection_set.node.items.len() != 1 {
                let message = "a subscription asks for one thing: one field at its root";
                return Err(ServerError::new(message, Some(operation.pos)));
            }
            whole.push((name, all));
        }
        let Some((name, operation)) = limits::chosen(document, request.operation_name.as_deref()) else {
            return Err(ServerError::new("there is no operation to run", None));
        };
        let unconditional = whole.into_iter().find(|(other, all)| *other == name && !all.conditional);
        let merged = if let Some((_, all)) = unconditional {
            all.operation
        } else {
            let given = Given::By(&request.variables, &operation.node.variable_definitions);
            merger(given).operation(&operation.node)?.operation
        };
        let nothing = merged.selection_set.node.items.is_empty();
        Ok((!nothing).then(|| (name.cloned(), Positioned::new(merged, operation.pos))))
    }
}

type Named = (Option<async_graphql::Name>, Positioned<OperationDefinition>);

/// The answer to an operation that asks for nothing.
fn nothing() -> Response {
    Response::new(Value::Object(IndexMap::default()))
}

impl<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static> Executor for Runner<Q, M, S> {
    async fn execute(&self, request: Request) -> Response {
        match self.prepare(request).await {
            Ok(Prepared::Run(job)) => self.run(*job).await,
            Ok(Prepared::Nothing) => nothing(),
            Err(errors) => Response::from_errors(errors),
        }
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let own = self.clone();
        let answers = async move {
            match own.prepare(request).await {
                Ok(Prepared::Run(job)) => Executor::execute_stream(&own.running, job.request, session),
                Ok(Prepared::Nothing) => stream::once(async { nothing() }).boxed(),
                Err(errors) => stream::once(async { Response::from_errors(errors) }).boxed(),
            }
        };
        answers.flatten_stream().boxed()
    }
}
