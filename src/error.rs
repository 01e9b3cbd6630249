//! The one error of the system and its codes. It stands below every layer: domain rules make it, services pass it on,
//! and transports only map it to their own shape.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

/// The ways in which a request can be refused. Transports never invent a code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[derive(strum::AsRefStr, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// A value breaks a rule of its own form (a key's alphabet, an email, a length).
    Invalid,
    /// The thing named does not exist in the caller's tenant.
    NotFound,
    /// A unique key, name, email or extension is taken.
    AlreadyExists,
    /// The field never changes once it is set.
    Immutable,
    /// Another caller changed the thing since this one read it.
    Conflict,
    /// The module is not in the tenant's licence (R2).
    UnlicensedModule,
    /// The section takes all its resources automatically; it has no manual list (R10).
    AssociationIsAutomatic,
    /// The resource belongs to every profile and cannot be removed (R16).
    ProtectedResource,
    /// The default admin and the last admin cannot be deleted, disabled or lose the role (R3).
    ProtectedUser,
    /// A permission needs another one to be on (R36).
    PrerequisiteMissing,
    /// A user of base role USER needs a profile (R25).
    ProfileRequired,
    /// Only a user of base role USER holds a profile (R19).
    ProfileNotAssignable,
    /// Only a MANAGER holds a custom role (R19).
    RoleNotAssignable,
    /// Built-in roles do not change, and no grant may lock a tenant out of itself (R35b).
    ProtectedRole,
    /// The caller would give rights that they do not have themselves (R35b).
    BeyondOwnRights,
    /// Users hold the profile (R18).
    ProfileInUse,
    /// Users or groups hold the custom role (R38).
    RoleInUse,
    /// The group is the only one of some of its members (R40).
    LastGroupOfMembers,
    /// The password breaks the tenant's rule (R27).
    WeakPassword,
    /// The credentials do not fit.
    WrongPassword,
    /// The item of a list is not associated: it is neither linked nor unlinked (R15).
    LinkLocked,
    /// The link is used up or too old (R29).
    LinkExpired,
    /// The file is not a PNG or JPEG (R32).
    UnsupportedImage,
    /// The input is larger than its limit.
    TooLarge,
    /// No valid credential came with the request.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The request does not have the right form.
    BadInput,
    /// The hash names a query that is not known here: send its text with the hash.
    PersistedQueryNotFound,
    /// Too much work of this kind is under way; try again later.
    RateLimited,
    /// A part that the answer needs is away; try again later.
    Unavailable,
    /// A fault of ours. The details are in the log, under the request's id.
    Internal,
}

impl ErrorCode {
    /// Returns `true` if a mutation reports this code among its `userErrors`. The others fail the whole operation and
    /// stand among the top-level errors.
    pub const fn is_user_error(self) -> bool {
        !matches!(
            self,
            Self::Unauthenticated
                | Self::Forbidden
                | Self::BadInput
                | Self::PersistedQueryNotFound
                | Self::RateLimited
                | Self::Unavailable
                | Self::Internal
        )
    }
}

/// A thing that stands in the way of a change, by its key in the caller's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Related {
    /// A user's key.
    User(String),
    /// A group's key.
    Group(String),
}

impl Related {
    /// Returns the key of the thing.
    pub fn key(&self) -> &str {
        match self {
            Self::User(key) | Self::Group(key) => key,
        }
    }
}

/// The version of a thing that a caller read, and its version by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale {
    /// The version that was read.
    pub read: i32,
    /// The version that it has.
    pub now: i32,
}

/// Maximum number of things in the way that an error names.
pub const RELATED_MAX: usize = 20;

/// The reason why a request was refused, in words for the person who made it.
///
/// The message never holds SQL, a path of the machine, or anything of another tenant. The details that a developer
/// needs are in [`Error::source_text`], which only logs show.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind of refusal.
    pub code: ErrorCode,
    /// One sentence that says what to do, in lower case, with input in backticks.
    pub message: String,
    /// The path of the input field at fault, outermost first; empty when none is.
    pub field: Vec<String>,
    /// Number of things in the way, where it is known.
    pub count: Option<u64>,
    /// Some of the things in the way.
    pub related: Vec<Related>,
    /// The version that the caller named and the version that the thing has by now, for a CONFLICT.
    pub stale: Option<Stale>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// A change that may or may not be stored; it is not known yet. It takes the place of the cause, so that every other
/// error is no larger for it.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
struct UnknownOutcome {
    change: String,
    cause: String,
}

/// The result of anything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of `code` that says `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: Vec::new(),
            count: None,
            related: Vec::new(),
            stale: None,
            cause: None,
        }
    }

    /// Refuses a value of the wrong form.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }

    /// Refuses a request of the wrong form.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadInput, message)
    }

    /// Tells that there is no `kind` (such as "user") with this key; things of other tenants look the same (R1).
    pub fn not_found(kind: &str, key: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no {kind} `{key}`"))
    }

    /// Reports a fault of ours: the cause goes to the log, and the message tells nothing of it.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal, "something went wrong on our side").because(cause)
    }

    /// Reports that a part that the answer needs is away.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// Returns the error under another code.
    #[must_use]
    pub fn with_code(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }

    /// Returns the error for a thing that was changed since it was read.
    #[must_use]
    pub const fn stale(mut self, read: i32, now: i32) -> Self {
        self.stale = Some(Stale { read, now });
        self
    }

    /// Returns the error for a change that may or may not be stored.
    #[must_use]
    pub fn of_unknown_outcome(self, change: impl fmt::Display) -> Self {
        let cause = self.source_text().unwrap_or_default();
        self.because(UnknownOutcome { change: change.to_string(), cause })
    }

    /// Returns the id of the change that may or may not be stored.
    pub fn unknown_outcome(&self) -> Option<&str> {
        self.cause.as_deref()?.downcast_ref().map(|UnknownOutcome { change, .. }| change.as_str())
    }

    /// Returns the error in other words.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Returns the error at this input field (put before the path that is there already).
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field.insert(0, field.into());
        self
    }

    /// Returns the error at this input field and no other.
    #[must_use]
    pub fn at_instead(mut self, field: impl Into<String>) -> Self {
        self.field = vec![field.into()];
        self
    }

    /// Returns the error with the things in the way: it counts all and names the first [`RELATED_MAX`].
    #[must_use]
    pub fn in_the_way(mut self, mut related: Vec<Related>) -> Self {
        self.count = Some(related.len() as u64);
        related.truncate(RELATED_MAX);
        self.related = related;
        self
    }

    /// Returns the error with its cause, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Returns the cause of the error as text, for logs alone.
    pub fn source_text(&self) -> Option<String> {
        self.cause.as_ref().map(ToString::to_string)
    }
}
