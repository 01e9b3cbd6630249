//! Runs operations: validates the document as it came, brings it into the form in which each field
//! stands once, and runs that. Every transport comes by here.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{
    Data, Executor, Name, ObjectType, Positioned, Request, Response, Schema, SchemaBuilder, ServerError,
    SubscriptionType, ValidationMode, Value,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};

use super::desk::{Desk, Sender};
use super::documents::Kept;
use super::errors::shown;
use super::limits;
use crate::error::{Error, Result};
use crate::graphql::Sizes;

mod check;
mod inputs;
mod large;
mod merge;
mod pace;
mod shape;

use check::NeverRuns;
use large::LargeAnswers;
use merge::{Given, Merger};
use pace::{Pace, Queues};
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
}

impl<Q, M, S> Clone for Runner<Q, M, S> {
    fn clone(&self) -> Self {
        Self {
            checking: self.checking.clone(),
            running: self.running.clone(),
            shape: Arc::clone(&self.shape),
            sizes: self.sizes,
            desk: self.desk.clone(),
        }
    }
}

/// Result of preparing a document.
enum Prepared {
    /// An operation to run.
    Run(Box<Request>),
    /// Nothing: its conditions leave all of it out.
    Nothing,
}

type Refused = Vec<ServerError>;

impl<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static> Runner<Q, M, S> {
    /// Builds the schema that `build` describes; lists of the catalogue cost by these sizes.
    pub fn new(build: impl Fn() -> SchemaBuilder<Q, M, S>, sizes: Sizes) -> Result<Self> {
        let never_runs = NeverRuns::default();
        let checking = limits::limit(build()).extension(never_runs.clone()).finish();
        let pace = Pace { sizes, large: LargeAnswers::new() };
        let running = limits::limit(build()).validation_mode(ValidationMode::Fast).extension(pace).finish();
        let probed = checking.execute("{__typename}").now_or_never();
        let shape = never_runs.shape();
        let shape = shape.ok_or_else(|| Error::internal(format!("the schema does not validate: {probed:?}")))?;
        Ok(Self { checking, running, shape, sizes, desk: Desk::new() })
    }

    async fn prepare(&self, request: Request) -> std::result::Result<Prepared, Refused> {
        let kept = Kept::of(&request.data);
        if let Some(ready) = kept.as_ref().and_then(|kept| self.ready(kept, &request)) {
            return Ok(to_run(request, ready.clone(), OperationType::Query));
        }
        let own = self.clone();
        let (sender, bytes) = (Sender::of(&request.data), request.query.len());
        let prepared = self.desk.work(&sender, bytes, move || own.check(request, kept.as_deref())).await;
        prepared.map_err(|error| vec![shown(&error)])?
    }

    /// Returns the form in which a kept document runs, for variables that can be seen to fit: all else about it has
    /// been validated.
    fn ready<'a>(&self, kept: &'a Kept, request: &Request) -> Option<&'a ExecutableDocument> {
        let ready = kept.ready(request.operation_name.as_deref())?;
        let (_, operation) = limits::chosen(ready, request.operation_name.as_deref())?;
        self.shape.inputs.fit(&operation.node.variable_definitions, &request.variables).then_some(ready)
    }

    /// Validates the document and gives the request the one to run.
    fn check(&self, mut request: Request, kept: Option<&Kept>) -> std::result::Result<Prepared, Refused> {
        let document = match kept {
            Some(kept) => kept.document.clone(),
            None => request.parsed_query().map_err(|error| vec![error])?.clone(),
        };
        self.validate(&request, &document)?;
        let merged = self.merge(&request, &document).map_err(|error| vec![error])?;
        let Some(Chosen { name, operation, conditional }) = merged else { return Ok(Prepared::Nothing) };
        let runs = operation.node.ty;
        let operations = match name {
            Some(name) => DocumentOperations::Multiple([(name, operation)].into()),
            None => DocumentOperations::Single(operation),
        };
        let ready = ExecutableDocument { operations, fragments: HashMap::default() };
        if let Some(kept) = kept.filter(|_| !conditional) {
            kept.remember(request.operation_name.as_deref(), &ready);
        }
        Ok(to_run(request, ready, runs))
    }

    fn validate(&self, request: &Request, document: &ExecutableDocument) -> std::result::Result<(), Refused> {
        let mut asked = Request::new("").variables(request.variables.clone());
        asked.operation_name.clone_from(&request.operation_name);
        asked.set_parsed_query(document.clone());
        let answered = self.sizes.count(|| self.checking.execute(asked).now_or_never());
        match answered {
            Some(answer) if answer.errors.is_empty() => Ok(()),
            Some(answer) => Err(answer.errors),
            None => Err(vec![shown(&Error::internal("a validation waits for something"))]),
        }
    }

    /// Returns the operation to run, each of its fields once; none when it asks for nothing.
    fn merge(
        &self,
        request: &Request,
        document: &ExecutableDocument,
    ) -> std::result::Result<Option<Chosen>, ServerError> {
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
        let conditional = unconditional.is_none();
        let merged = if let Some((_, all)) = unconditional {
            all.operation
        } else {
            let given = Given::By(&request.variables, &operation.node.variable_definitions);
            merger(given).operation(&operation.node)?.operation
        };
        let nothing = merged.selection_set.node.items.is_empty();
        let operation = Positioned::new(merged, operation.pos);
        Ok((!nothing).then(|| Chosen { name: name.cloned(), operation, conditional }))
    }
}

/// The operation to run.
struct Chosen {
    name: Option<Name>,
    operation: Positioned<OperationDefinition>,
    /// `true` if the operation's content depends on the variables.
    conditional: bool,
}

/// Returns the request with the document to run.
fn to_run(mut request: Request, ready: ExecutableDocument, runs: OperationType) -> Prepared {
    if runs == OperationType::Query {
        let sender = Sender::of(&request.data);
        request.data.insert(Queues(sender));
    }
    request.set_parsed_query(ready);
    Prepared::Run(Box::new(request))
}

/// Returns the answer to an operation that asks for nothing.
fn nothing() -> Response {
    Response::new(Value::Object(IndexMap::default()))
}

impl<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static> Executor for Runner<Q, M, S> {
    async fn execute(&self, request: Request) -> Response {
        match self.prepare(request).await {
            Ok(Prepared::Run(request)) => self.running.execute(*request).await,
            Ok(Prepared::Nothing) => nothing(),
            Err(errors) => Response::from_errors(errors),
        }
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let own = self.clone();
        let answers = async move {
            match own.prepare(request).await {
                Ok(Prepared::Run(request)) => Executor::execute_stream(&own.running, *request, session),
                Ok(Prepared::Nothing) => stream::once(async { nothing() }).boxed(),
                Err(errors) => stream::once(async { Response::from_errors(errors) }).boxed(),
            }
        };
        answers.flatten_stream().boxed()
    }
}
