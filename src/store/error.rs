//! Errors of a database, in the system's own codes. No message here holds SQL, a value or a path: those are in the
//! cause, which only logs show.

use sea_orm::{DbErr, RuntimeErr, SqlErr, SqlxError};

use crate::error::{Error, ErrorCode, Result};

/// Turns the error of a stored value that cannot be read back into a fault of ours: it is none of the caller's input.
pub(super) fn stored<T>(result: Result<T>) -> Result<T> {
    result.map_err(Error::internal)
}

/// Returns `true` if the database, or the way to it, was away when this happened.
pub(super) fn is_connection_lost(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => is_broken(error),
        _ => false,
    }
}

/// Returns `true` if a connection is of no more use after this.
pub(super) fn is_broken(error: &SqlxError) -> bool {
    match error {
        // PostgreSQL: the connection failed, the server stops or ends a session that held on for too long,
        // or what the connection keeps prepared does not fit a schema that has changed.
        SqlxError::Database(error) => error.code().is_some_and(|code| {
            let is_ended = ["08", "57P"].iter().any(|class| code.starts_with(class));
            code.len() == 5 && (is_ended || ["25P03", "25P04", "0A000"].contains(&code.as_ref()))
        }),
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => true,
        _ => false,
    }
}

/// Returns `true` if a database that cannot be opened may be there a little later: it does not answer yet, or has no
/// connection to give. A database that refuses the caller, or does not exist, will not be.
pub(super) fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error)) => match error.as_ref() {
            SqlxError::Database(error) => error
                .code()
                .is_some_and(|code| code != "08P01" && ["08", "53", "57P"].iter().any(|class| code.starts_with(class))),
            error => is_broken(error),
        },
        _ => false,
    }
}

/// Returns `true` if the connection had died before it was asked, so that another one may answer. One that did not
/// answer in time may still be at work.
pub(super) fn is_stale(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    match cause.as_ref() {
        SqlxError::Io(error) => error.kind() != std::io::ErrorKind::TimedOut,
        cause => is_broken(cause),
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let refused = match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => taken(&violated(&error)),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
                Self::new(ErrorCode::Conflict, "something that this refers to is not there, or is still in use")
            }
            _ if is_connection_lost(&error) || is_passing(&error) => {
                Self::unavailable("the database is away or busy: try again later")
            }
            _ => return Self::internal(error),
        };
        refused.because(error)
    }
}

/// Returns the error that the database server or the `SQLite` library itself gave, if one did.
fn database_error(error: &DbErr) -> Option<&dyn sea_orm::sqlx::error::DatabaseError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => error.as_database_error(),
        _ => None,
    }
}

/// Returns the violated constraint: `PostgreSQL` names it, `SQLite` names its columns.
fn violated(error: &DbErr) -> String {
    database_error(error)
        .map(|error| error.constraint().map_or_else(|| error.message().to_owned(), ToOwned::to_owned))
        .unwrap_or_default()
}

/// Returns `true` if the statement may succeed a little later: the database is busy, full, read-only, shutting down,
/// or out of connections.
fn is_passing(error: &DbErr) -> bool {
    let Some(code) = database_error(error).and_then(|error| error.code().map(std::borrow::Cow::into_owned)) else {
        return false;
    };
    if code.len() == 5 {
        // PostgreSQL: resources, serialization and deadlock, lock and statement timeouts, read-only.
        return ["53", "58"].iter().any(|class| code.starts_with(class))
            || ["40001", "40P01", "55P03", "57014", "25006"].contains(&code.as_str());
    }
    // SQLite: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN; the low byte is the primary code.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
}

/// Returns `true` if `SQLite` could not start because another connection is at work.
pub(super) fn is_busy(error: &DbErr) -> bool {
    database_error(error)
        .and_then(|error| error.code()?.parse::<u32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// Returns the error for a violated unique constraint: a value that the caller found free was taken meanwhile, or the
/// database sees two values as equal that the caller's check told apart.
pub(super) fn taken(constraint: &str) -> Error {
    let exists = |what: &str, field: &str| Error::new(ErrorCode::AlreadyExists, format!("{what} is taken")).at(field);
    if constraint.contains("email") {
        exists("the email address", "email")
    } else if constraint.contains("extension") {
        exists("the extension", "extension")
    } else if constraint.contains("name") {
        exists("the name", "name")
    } else if constraint.contains("users") {
        exists("the username", "username")
    } else if constraint.contains("key") {
        exists("the key", "key")
    } else {
        Error::new(ErrorCode::Conflict, "somebody else made the same thing at the same time: read it again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_value_is_told_by_its_field_on_both_databases() {
        for (constraint, field) in [
            ("users_email", "email"),
            ("UNIQUE constraint failed: users.tenant_id, users.email_key", "email"),
            ("users_extension", "extension"),
            ("UNIQUE constraint failed: users.tenant_id, users.key", "username"),
            ("UNIQUE constraint failed: groups.tenant_id, groups.name", "name"),
            ("tenants_key_key", "key"),
        ] {
            let error = taken(constraint);
            assert_eq!((error.code, error.field), (ErrorCode::AlreadyExists, vec![field.to_owned()]), "{constraint}");
        }
    }

    #[test]
    fn a_pool_without_a_connection_is_unavailable_and_a_broken_value_is_ours() {
        let error = Error::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout));
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert_eq!(stored(Err::<(), _>(Error::invalid("`x` is not a key"))).unwrap_err().code, ErrorCode::Internal);
    }
}
