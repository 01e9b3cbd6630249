//! Renewed admission of a WebSocket's caller: checked before each event of a subscription, as soon as the credentials
//! may hold no longer, and with each ping.

use async_graphql::Executor;
use axum::extract::ws::WebSocket;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Connection, Step, turned_away};
use crate::error::{Error, ErrorCode, Result};
use crate::http::errors::refused;
use crate::http::{ActingIn, Gate};

impl<E: Executor, G: Gate> Connection<E, G> {
    /// Asks the gate whether it lets the caller in, and in which tenant they act.
    pub(super) async fn admitted(&mut self) -> Result<Option<ActingIn>> {
        self.face.gate.admit(&self.credentials, &self.context).await.map(|data| ActingIn::of(&data))
    }

    /// Watches the credentials of what runs.
    pub(super) fn watch(&mut self) {
        let (gate, credentials) = (self.face.gate.clone(), self.credentials.clone());
        self.changed = Some(async move { gate.changed(&credentials).await }.boxed());
    }

    /// Asks the gate again, so that nothing outlives the credentials that it was opened with.
    pub(super) async fn ask_again(&mut self) -> Step {
        self.changed = None;
        if !self.acknowledged {
            return Ok(());
        }
        match self.admitted().await {
            Ok(_) => {
                self.watch();
                Ok(())
            }
            // It says nothing about the caller, who is asked for before each event and at the next ping.
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => self.turn_away(&error),
        }
    }

    /// Ends the subscriptions of a caller who is let in no longer, and the connection: at once, or after the
    /// answers to all that answers once, such as to the very operation that ended the session.
    fn turn_away(&mut self, error: &Error) -> Step {
        self.running.retain(|_, running| {
            if running.is_subscribed() {
                running.handle.abort();
            }
            !running.is_subscribed()
        });
        self.ending = Some(turned_away(error));
        self.end_if_idle()
    }

    /// Ends the connection if it is to end and nothing runs any more. What does not run is not watched either.
    pub(super) fn end_if_idle(&mut self) -> Step {
        if self.running.is_empty() {
            self.changed = None;
        }
        match self.ending.take_if(|_| self.running.is_empty()) {
            Some(ending) => Err(ending),
            None => Ok(()),
        }
    }

    /// Keeps an event back from whom the gate does not let in, and ends its subscription; all of them where
    /// that is for good.
    pub(super) async fn withhold(&mut self, socket: &mut WebSocket, id: &str, error: &Error) -> Step {
        if !is_passing(error) {
            return self.turn_away(error);
        }
        self.stop(id);
        self.fail(socket, id, refused(error)).await
    }
}

/// Returns `true` if an error is of the moment: it says nothing about the caller.
fn is_passing(error: &Error) -> bool {
    matches!(error.code, ErrorCode::Unavailable | ErrorCode::RateLimited | ErrorCode::Internal)
}

/// Waits for what is there to be waited for.
pub(super) async fn resolved(future: &mut Option<BoxFuture<'static, ()>>) {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
