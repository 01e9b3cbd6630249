//! Turns at large answers: each takes some tens of megabytes while it is made, so few are made at once.

use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};
use crate::http::desk::Sender;
use crate::turns::{Bounds, Turn, Turns};

/// The complexity from which an answer is large.
const LARGE_COMPLEXITY: u64 = 2_500;
/// Large answers that are made at once, of all and of one tenant or address; those that wait, and for how long:
/// longer than one that is being made may wait for a search.
const BOUNDS: Bounds =
    Bounds { together: 8, each: 2, waiting: 256, waiting_each: 32, patience: Duration::from_secs(30) };

/// The turns.
#[derive(Clone)]
pub(super) struct LargeAnswers(Turns<Sender>);

impl LargeAnswers {
    /// Returns an instance in which no answer is made yet.
    pub(super) fn new() -> Self {
        Self(Turns::shared_by(BOUNDS, Sender::site))
    }

    /// Waits for the turn to make an answer of this complexity; none is needed for a small one.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait, of all or of this sender, or it takes too long.
    pub(super) async fn turn(&self, sender: &Sender, complexity: u64) -> Result<Option<Turn<Sender>>> {
        if complexity < LARGE_COMPLEXITY {
            return Ok(None);
        }
        let crowded = |_| {
            let message = "too many large answers are made at once: try again in a moment, or ask for less";
            Error::new(ErrorCode::RateLimited, message)
        };
        self.0.take(sender.clone()).await.map(Some).map_err(crowded)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn large_answers_are_made_a_few_at_once_and_each_tenant_has_its_share() {
        let (answers, greedy) = (LargeAnswers::new(), Sender::Tenant(Uuid::from_u128(1)));
        let mut held = Vec::new();
        for _ in 0..BOUNDS.each {
            held.push(answers.turn(&greedy, LARGE_COMPLEXITY).await.unwrap().unwrap());
        }
        let waiting: Vec<_> = (0..=BOUNDS.waiting_each).map(|_| answers.turn(&greedy, LARGE_COMPLEXITY)).collect();
        let waiting = futures_util::future::select_all(waiting.into_iter().map(Box::pin));
        let (first, _, others) = waiting.await;
        assert_eq!(first.map(drop).unwrap_err().code, ErrorCode::RateLimited);
        assert!(answers.turn(&greedy, LARGE_COMPLEXITY - 1).await.unwrap().is_none(), "a small one needs no turn");
        let other = Sender::Tenant(Uuid::from_u128(2));
        drop(answers.turn(&other, LARGE_COMPLEXITY).await.unwrap().expect("another tenant has its share"));
        drop(held);
        assert!(futures_util::future::select_all(others).await.0.unwrap().is_some());
    }
}
