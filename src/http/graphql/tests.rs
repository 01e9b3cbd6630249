use std::future::pending;
use std::sync::Arc;

use async_graphql::{Request as Operation, Value};
use futures_util::FutureExt;
use futures_util::stream::{BoxStream, StreamExt as _, empty};
use serde_json::json;

use super::*;
use crate::auth::address::ClientAddress;
use crate::error::Result;
use crate::http::{Documents, Introspection, Options, Turns};

/// Never ends what asks for the schema, and answers all else at once.
#[derive(Clone)]
struct Slow;

impl Executor for Slow {
    async fn execute(&self, operation: Operation) -> Answer {
        if operation.operation_name.as_deref() == Some("Schema") {
            return pending().await;
        }
        Answer::new(Value::from("done"))
    }

    fn execute_stream(&self, _operation: Operation, _data: Option<Arc<Data>>) -> BoxStream<'static, Answer> {
        empty().boxed()
    }
}

#[derive(Clone)]
struct Open;

impl Gate for Open {
    async fn admit(&self, _credentials: &Credentials, _context: &RequestContext) -> Result<Data> {
        Ok(Data::default())
    }

    async fn changed(&self, _credentials: &Credentials) {
        pending::<()>().await;
    }
}

fn face() -> GraphqlState<Slow, Open> {
    GraphqlState {
        executor: Slow,
        gate: Open,
        options: Arc::new(Options::default()),
        documents: Documents::new(true),
        introspection: Introspection::new(),
        uploads: Turns::new(limits::UPLOADS),
        page: None,
    }
}

async fn answer(face: &GraphqlState<Slow, Open>, operation: &str) -> Answer {
    let query = "query Schema {__schema {types {name}}} query Other {a} mutation Change {b}";
    let parameters: Parameters = serde_json::from_value(json!({ "query": query, "operationName": operation })).unwrap();
    let context = RequestContext::from(ClientAddress::UNKNOWN);
    let opened = face.documents.open(parameters, None, context.address).await.unwrap();
    face.answer(opened, None, Data::default(), &context).await
}

#[tokio::test]
async fn what_stands_beside_introspection_in_a_document_takes_no_turn_of_it() {
    let face = face();
    let mut asked: Vec<_> = (0..32).map(|_| Box::pin(answer(&face, "Schema"))).collect();
    let refused = asked.iter_mut().filter_map(FutureExt::now_or_never).count();
    assert!((1..32).contains(&refused), "the line is full");
    for operation in ["Other", "Change"] {
        assert_eq!(answer(&face, operation).now_or_never().map(|answer| answer.data), Some(Value::from("done")));
    }
}
