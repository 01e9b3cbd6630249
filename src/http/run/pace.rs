//! Long answers give way: after so many fields the operation lets others have the thread, and learns
//! there whether anybody still waits for it. Large ones begin in their turn.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, NextValidation, ResolveInfo,
};
use async_graphql::{Response, ServerError, ServerResult, ValidationResult, Value};
use futures_util::FutureExt;

use super::large::LargeAnswers;
use crate::error::Error;
use crate::graphql::Sizes;
use crate::http::desk::Sender;
use crate::http::errors::shown;
use crate::http::limits::Budget;

/// Fields that are resolved in one go; each takes some microseconds.
const FIELDS: usize = 100;

/// Gives each operation a pace of its own.
#[derive(Clone)]
pub(super) struct Pace {
    /// Lists of the catalogue cost by these.
    pub(super) sizes: Sizes,
    pub(super) large: LargeAnswers,
}

/// The sender of a query, who waits for its turn if its answer is large. A change waits for none: it is stored
/// whatever is asked of it.
pub(super) struct Queues(pub(super) Sender);

impl ExtensionFactory for Pace {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Paced { pace: self.clone(), left: AtomicUsize::new(FIELDS), complexity: AtomicU64::new(0) })
    }
}

struct Paced {
    pace: Pace,
    /// The fields that may still be resolved before others have their turn.
    left: AtomicUsize,
    complexity: AtomicU64,
}

#[async_trait]
impl Extension for Paced {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        // It is made in one go: nothing is waited for.
        let validated = self.pace.sizes.count(|| next.run(ctx).now_or_never());
        let valid = validated.ok_or_else(|| vec![shown(&Error::internal("a validation waits for something"))])??;
        let complexity = u64::try_from(valid.complexity).unwrap_or(u64::MAX);
        if let Some(budget) = ctx.data_opt::<Budget>() {
            budget.take(complexity).map_err(|error| vec![error])?;
        }
        self.complexity.store(complexity, Ordering::Relaxed);
        Ok(valid)
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, name: Option<&str>, next: NextExecute<'_>) -> Response {
        let complexity = self.complexity.load(Ordering::Relaxed);
        let _turn = match ctx.data_opt::<Queues>() {
            Some(Queues(sender)) => match self.pace.large.turn(sender, complexity).await {
                Ok(turn) => turn,
                Err(error) => return Response::from_errors(vec![shown(&error)]),
            },
            None => None,
        };
        let mut run = pin!(next.run(ctx, name));
        poll_fn(|cx| {
            self.left.store(FIELDS, Ordering::Relaxed);
            run.as_mut().poll(cx)
        })
        .await
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        poll_fn(|cx| {
            let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if taken.is_ok() {
                return Poll::Ready(());
            }
            // The next turn begins where this one ends: nothing else is waited for.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        next.run(ctx, info).await
    }
}
