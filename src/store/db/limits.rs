//! Limits on an instance's use of the database, and on the time that anything in it may take.

use std::time::Duration;

use super::Purpose;
use crate::store::{LOCK_TIMEOUT, READ_MAX};

/// First version of `PostgreSQL` that bounds whole transactions.
const WITH_TRANSACTION_TIMEOUT: u32 = 170_000;
/// First version of `PostgreSQL` that checks, while it works, that its client is still there.
const WITH_CONNECTION_CHECK: u32 = 140_000;
/// Interval at which `PostgreSQL` checks, while it works, that its client is still there.
const CONNECTION_CHECK: Duration = Duration::from_secs(1);
/// The database ends a statement itself when it can; who waits gives up this much later.
const MARGIN: Duration = Duration::from_secs(1);

/// Limits on an instance's use of the database.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest number of connections.
    pub connections: u32,
    /// Longest time for a statement.
    pub statement: Duration,
    /// Longest time for which a change may hold its tenant without asking the database for anything.
    pub idle: Duration,
    /// Longest time for a whole change, where the database can bound that.
    pub transaction: Duration,
    /// Number of statements that each connection keeps prepared. With 0, the connections can be of a pooler that
    /// gives a server for one transaction at a time.
    pub prepared: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            statement: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            transaction: Duration::from_mins(2),
            prepared: 100,
        }
    }
}

impl Limits {
    /// Returns these limits with at most `connections` connections, and at least two: a writer may need a second.
    #[must_use]
    pub fn with_connections(self, connections: u32) -> Self {
        Self { connections: connections.max(2), ..self }
    }

    /// Returns `true` if connections may lead to another server with each transaction.
    pub(super) fn is_pooled(&self) -> bool {
        self.prepared == 0
    }

    /// Returns the longest time for which an instance waits for an answer.
    pub(super) fn patience(&self) -> Duration {
        self.statement + MARGIN
    }

    /// Returns the longest time that a statement of a transaction with this purpose may take in all.
    pub(super) fn total(&self, purpose: Purpose) -> Duration {
        match purpose {
            Purpose::Reading => READ_MAX.max(self.patience()),
            Purpose::Writing => self.patience(),
        }
    }

    /// Returns the settings of a session of `PostgreSQL`, as statements to be sent once.
    pub(super) fn set_session(&self, version: Option<u32>) -> String {
        // How long the server keeps what it sends to an instance that is gone.
        let unacknowledged = format!("SET tcp_user_timeout = {}", self.statement.as_millis());
        let each = self.settings(Purpose::Writing, version).into_iter();
        let each = each.map(|(name, limit)| format!("SET {name} = {}", limit.as_millis()));
        each.chain([unacknowledged]).collect::<Vec<_>>().join("; ")
    }

    /// Returns the statement that begins a transaction of `PostgreSQL`, with the limits that its session does not
    /// have already.
    pub(super) fn begin_postgres(&self, purpose: Purpose, version: Option<u32>) -> String {
        let mut begin = match purpose {
            Purpose::Reading => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned(),
            Purpose::Writing => "BEGIN".to_owned(),
        };
        if self.is_pooled() || purpose == Purpose::Reading {
            for (name, limit) in self.settings(purpose, version) {
                begin = format!("{begin}; SET LOCAL {name} = {}", limit.as_millis());
            }
        }
        begin
    }

    /// Returns the statement that begins a transaction of `SQLite`. One that reads sees one moment as it is.
    pub(super) const fn begin_sqlite(purpose: Purpose) -> &'static str {
        match purpose {
            Purpose::Reading => "BEGIN DEFERRED",
            Purpose::Writing => "BEGIN IMMEDIATE",
        }
    }

    fn settings(&self, purpose: Purpose, version: Option<u32>) -> Vec<(&'static str, Duration)> {
        let (statement, idle, transaction) = match purpose {
            // Who reads holds up nobody.
            Purpose::Reading => (READ_MAX, READ_MAX, READ_MAX),
            Purpose::Writing => (self.statement, self.idle, self.transaction),
        };
        let mut settings = vec![
            ("lock_timeout", LOCK_TIMEOUT.min(self.statement)),
            ("statement_timeout", statement),
            ("idle_in_transaction_session_timeout", idle),
        ];
        if version.is_some_and(|version| version >= WITH_TRANSACTION_TIMEOUT) {
            settings.push(("transaction_timeout", transaction));
        }
        if version.is_some_and(|version| version >= WITH_CONNECTION_CHECK) {
            settings.push(("client_connection_check_interval", CONNECTION_CHECK));
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_transactions_are_bounded_where_the_server_can() {
        let limits = Limits::default();
        for (version, bounded) in [(None, false), (Some(150_018), false), (Some(170_000), true), (Some(180_001), true)]
        {
            assert_eq!(limits.set_session(version).contains("SET transaction_timeout = 120000"), bounded);
        }
    }

    #[test]
    fn work_for_who_is_gone_ends_where_the_server_can_see_it() {
        let limits = Limits::default();
        for (version, checked) in [(None, false), (Some(130_010), false), (Some(150_018), true)] {
            assert_eq!(limits.set_session(version).contains("SET client_connection_check_interval = 1000"), checked);
        }
    }

    #[test]
    fn nothing_outlives_a_transaction_behind_a_pooler() {
        let pooled = Limits { prepared: 0, ..Limits::default() };
        let begin = pooled.begin_postgres(Purpose::Writing, Some(150_000));
        assert!(begin.contains("; SET LOCAL statement_timeout = 10000"), "{begin}");
        assert!(begin.contains("; SET LOCAL idle_in_transaction_session_timeout = 10000"), "{begin}");
        assert!(!Limits::default().begin_postgres(Purpose::Writing, Some(150_000)).contains("SET"));
    }
}
