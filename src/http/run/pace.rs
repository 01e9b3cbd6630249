//! Long answers give way: after so many fields the operation lets others have the thread, and learns
//! there whether anybody still waits for it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo};
use async_graphql::{Response, ServerResult, Value};

/// Fields that are resolved in one go; each takes some microseconds.
const FIELDS: usize = 100;

/// Gives each operation a pace of its own.
pub(super) struct Pace;

impl ExtensionFactory for Pace {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Paced { left: AtomicUsize::new(FIELDS) })
    }
}

struct Paced {
    /// The fields that may still be resolved before others have their turn.
    left: AtomicUsize,
}

#[async_trait]
impl Extension for Paced {
    async fn execute(&self, ctx: &ExtensionContext<'_>, name: Option<&str>, next: NextExecute<'_>) -> Response {
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
