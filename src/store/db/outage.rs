//! Says once that the database went, and once that it is back, however many noticed.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use sea_orm::DbErr;

use crate::store::error::is_connection_lost;

/// A database that has answered within this time is busy, not away.
const SILENCE: Duration = Duration::from_secs(1);

/// Availability of the database, as its answers and their absence show it.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Fares>);

#[derive(Debug, Default)]
struct Fares {
    answered: Option<Instant>,
    away_since: Option<Instant>,
}

impl Outage {
    /// Notes that the database has answered.
    pub(super) fn answered(&self) {
        let mut fares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fares.answered = Some(Instant::now());
        if let Some(since) = fares.away_since.take() {
            tracing::warn!(seconds = since.elapsed().as_secs(), "the database is back");
        }
    }

    /// Notes that the database has not answered, if that is what the error says.
    pub(super) fn failed(&self, error: &DbErr) {
        if !is_connection_lost(error) {
            return;
        }
        let mut fares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if fares.answered.is_some_and(|last| last.elapsed() < SILENCE) || fares.away_since.is_some() {
            tracing::debug!(%error, "the database did not answer");
            return;
        }
        fares.away_since = Some(Instant::now());
        tracing::warn!(%error, "the database is away: decisions go on from memory, changes fail until it is back");
    }
}
