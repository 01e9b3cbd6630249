//! Work on documents that takes long enough to be in others' way: it is done off the threads that
//! answer, a little at once, and by tenants and strangers' networks in turns.

use std::any::TypeId;
use std::thread::available_parallelism;
use std::time::Duration;

use async_graphql::Data;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::RequestContext;
use super::gate::ActingIn;
use crate::auth::address::{ClientAddress, Network};
use crate::error::{Error, ErrorCode, Result};
use crate::turns::{Bounds, Turns};

/// Bytes of a document that is read and validated at once where it arrives: that takes a millisecond at
/// the most.
pub(super) const SHORT: usize = 1024;
/// Documents in line, of all together and of one tenant or address.
const IN_LINE: usize = 256;
const IN_LINE_EACH: usize = 16;
/// Longest wait of a document.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Sender of a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Sender {
    /// A caller of this tenant.
    Tenant(Uuid),
    /// A caller who has not signed in.
    Stranger(Network),
}

impl Sender {
    /// Returns the sender of a request from `address`, who acts in `tenant`, if in any.
    pub(super) fn new(tenant: Option<ActingIn>, address: ClientAddress) -> Self {
        match tenant {
            Some(ActingIn(tenant)) => Self::Tenant(tenant),
            None => Self::Stranger(address.network()),
        }
    }

    /// Returns the sender with whom this one shares turns: all networks of a stranger's site are one.
    pub(super) fn site(&self) -> Self {
        match self {
            Self::Tenant(tenant) => Self::Tenant(*tenant),
            Self::Stranger(network) => Self::Stranger(network.site()),
        }
    }

    /// Returns the sender of an operation that was let in with this data.
    pub(super) fn of(data: &Data) -> Self {
        let context = data.get(&TypeId::of::<RequestContext>()).and_then(|data| data.downcast_ref::<RequestContext>());
        Self::new(ActingIn::of(data), context.map_or(ClientAddress::UNKNOWN, |context| context.address))
    }
}

/// The place where long documents are worked on.
#[derive(Clone)]
pub(super) struct Desk(Turns<Sender>);

impl Desk {
    /// Returns a desk without documents. Half of the machine is left to others.
    pub(super) fn new() -> Self {
        let together = available_parallelism().map_or(1, |cores| cores.get() / 2);
        let bounds = Bounds {
            together,
            each: together.div_ceil(2),
            waiting: IN_LINE,
            waiting_each: IN_LINE_EACH,
            patience: TURN_TIMEOUT,
        };
        Self(Turns::shared_by(bounds, Sender::site))
    }

    /// Works on a document of so many bytes: here when it is short, else in its sender's turn.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many are in line, of all or of this sender.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        sender: &Sender,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        if bytes <= SHORT {
            return Ok(work());
        }
        let crowded = |_| {
            let message = "too many long documents arrive at once: try again in a moment, or send shorter ones";
            Error::new(ErrorCode::RateLimited, message)
        };
        let turn = self.0.take(sender.clone()).await.map_err(crowded)?;
        // The turn is held by the work: that goes on when nobody waits for it any more.
        let worked = spawn_blocking(move || {
            let worked = work();
            drop(turn);
            worked
        });
        worked.await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn who_sends_too_many_long_documents_is_refused_and_others_are_not() {
        let desk = Desk::new();
        let (flood, other) = (Sender::new(None, ClientAddress::UNKNOWN), Sender::Tenant(Uuid::from_u128(1)));
        let (end, ended) = mpsc::channel::<()>();
        let ended = std::sync::Arc::new(std::sync::Mutex::new(ended));
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (desk, flood, ended) = (desk.clone(), flood.clone(), std::sync::Arc::clone(&ended));
            // Held until the sender is gone.
            asked.spawn(
                async move { desk.work(&flood, SHORT + 1, move || ended.lock().unwrap().recv().is_err()).await },
            );
        }
        let refused = asked.join_next().await.unwrap().unwrap().unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert_eq!(desk.work(&flood, SHORT, || 1).await.unwrap(), 1, "a short one needs no turn");
        let waits = desk.work(&other, SHORT + 1, || 2);
        drop(end);
        assert_eq!(waits.await.unwrap(), 2);
        let answered = asked.join_all().await;
        let refused = answered.iter().filter(|answer| answer.is_err()).count();
        let most = IN_LINE_EACH + available_parallelism().map_or(1, std::num::NonZero::get);
        assert!((1..=most).contains(&(99 - refused)), "{refused} of 99 were refused");
    }
}
