//! Answers about the schema for callers who have not signed in. An answer is the same for all callers and takes long
//! to make: a ready one is given where there is one, the others are made one at a time, by the callers' networks in
//! turns.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, Request, Response as Answer, Value};
use moka::sync::Cache;

use super::desk::Sender;
use super::errors::refused;
use super::limits::Introspects;
use crate::error::{Error, ErrorCode};
use crate::turns::{Bounds, Turns};

/// Answers that are kept; each may take some megabytes.
const ANSWERS_MAX: u64 = 4;
/// The turn to make one, and callers who wait for it: of one network few, so that none fills the line.
const BOUNDS: Bounds = Bounds { together: 1, each: 1, waiting: 64, waiting_each: 4, patience: Duration::from_secs(10) };

/// The ready answers, and the turn to make one.
#[derive(Clone)]
pub(super) struct Introspection {
    /// Ready answers by the document and the operation's name.
    ready: Cache<Arc<str>, Arc<Value>>,
    turns: Turns<Sender>,
}

impl Introspection {
    /// Returns an instance without ready answers.
    pub(super) fn new() -> Self {
        let ready = Cache::new(ANSWERS_MAX);
        Self { ready, turns: Turns::shared_by(BOUNDS, Sender::site) }
    }

    /// Answers a stranger's operation: about the schema in turns, about all else at once.
    pub(super) async fn answer(&self, request: Request, asks: Introspects, executor: &impl Executor) -> Answer {
        if asks == Introspects::Nothing {
            return executor.execute(request).await;
        }
        let general = asks == Introspects::Alone && request.variables.is_empty();
        let name = request.operation_name.as_deref().unwrap_or_default();
        let key: Arc<str> = format!("{name}\0{}", request.query).into();
        let ready = || self.ready.get(&key).filter(|_| general).map(|ready| Answer::new(Value::clone(&ready)));
        if let Some(ready) = ready() {
            return ready;
        }
        let Ok(_turn) = self.turns.take(Sender::of(&request.data)).await else {
            let message = "too many ask for the schema at once: try again in a moment";
            return refused(&Error::new(ErrorCode::RateLimited, message));
        };
        // Who had the turn before may have asked the same.
        if let Some(ready) = ready() {
            return ready;
        }
        let answer = executor.execute(request).await;
        if general && answer.errors.is_empty() {
            self.ready.insert(key, Arc::new(answer.data.clone()));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::Data;
    use futures_util::StreamExt as _;
    use futures_util::future::join_all;
    use futures_util::stream::BoxStream;
    use tokio::task::yield_now;

    use super::*;
    use crate::auth::address::ClientAddress;
    use crate::http::RequestContext;

    /// Counts what it runs, and how much of it at once.
    #[derive(Clone, Default)]
    struct Counting(Arc<[AtomicUsize; 3]>);

    impl Executor for Counting {
        async fn execute(&self, request: Request) -> Answer {
            let [ran, now, most] = &*self.0;
            ran.fetch_add(1, Ordering::Relaxed);
            let at_once = now.fetch_add(1, Ordering::Relaxed) + 1;
            most.fetch_max(at_once, Ordering::Relaxed);
            yield_now().await;
            now.fetch_sub(1, Ordering::Relaxed);
            if request.query == "wrong" { refused(&Error::bad_input("no")) } else { Answer::new(request.query) }
        }

        fn execute_stream(&self, _request: Request, _data: Option<Arc<Data>>) -> BoxStream<'static, Answer> {
            futures_util::stream::empty().boxed()
        }
    }

    async fn ask(introspection: &Introspection, executor: &Counting, request: Request, asks: Introspects) -> Answer {
        introspection.answer(request, asks, executor).await
    }

    #[tokio::test]
    async fn the_same_question_is_answered_once_and_kept() {
        let (introspection, executor) = (Introspection::new(), Counting::default());
        let ran = || executor.0[0].load(Ordering::Relaxed);
        for _ in 0..3 {
            let answer = ask(&introspection, &executor, Request::new("schema"), Introspects::Alone).await;
            assert_eq!((answer.data, ran()), (Value::from("schema"), 1));
        }
        ask(&introspection, &executor, Request::new("schema").operation_name("A"), Introspects::Alone).await;
        assert_eq!(ran(), 2, "another operation of the same document");
        // What depends on more than the document, fails, or is about something else is not kept.
        for round in 1..=2 {
            let variables = async_graphql::Variables::from_json(serde_json::json!({ "name": "User" }));
            ask(&introspection, &executor, Request::new("schema").variables(variables), Introspects::Alone).await;
            ask(&introspection, &executor, Request::new("wrong"), Introspects::Alone).await;
            ask(&introspection, &executor, Request::new("more"), Introspects::Something).await;
            ask(&introspection, &executor, Request::new("else"), Introspects::Nothing).await;
            assert_eq!(ran(), 2 + 4 * round);
        }
    }

    #[tokio::test]
    async fn strangers_are_told_the_schema_one_after_the_other_and_few_wait() {
        let (introspection, executor) = (Introspection::new(), Counting::default());
        let all = (0..40).map(|n| ask(&introspection, &executor, Request::new(format!("{n}")), Introspects::Alone));
        let answers = join_all(all).await;
        let refused = answers.iter().filter(|answer| !answer.errors.is_empty()).count();
        let most = BOUNDS.waiting_each + 1;
        assert_eq!((executor.0[0].load(Ordering::Relaxed), refused), (most, 40 - most));
        assert_eq!(executor.0[2].load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn one_stranger_leaves_the_line_for_the_schema_to_others() {
        let (introspection, executor) = (Introspection::new(), Counting::default());
        let from = |address: [u8; 4], n: usize| {
            let context = RequestContext::from(ClientAddress::new(address.into()));
            ask(&introspection, &executor, Request::new(format!("{n}")).data(context), Introspects::Alone)
        };
        let flood = (0..200).map(|n| from([192, 0, 2, 1], n));
        let (_, other) = futures_util::join!(join_all(flood), from([192, 0, 2, 2], 200));
        assert!(other.errors.is_empty(), "{other:?}");
    }
}
