//! The payloads of mutations: the changed object, its revision, and the errors.

use async_graphql::{ComplexObject, Context, Enum, SimpleObject};

use super::context::loaders;
use super::node::Node;
use super::scalar::int;
use crate::error::{Error, ErrorCode as Code, RELATED_MAX, Related, Result};
use crate::service::change::{Outcome, read_back};

/// The reason why a request was refused. The last seven stand among the top-level errors, as `extensions.code`; the
/// others in `userErrors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Code")]
pub enum ErrorCode {
    /// A value breaks a rule of its own form.
    Invalid,
    /// The thing named does not exist in the caller's tenant.
    NotFound,
    /// A unique key, name, email or extension is taken.
    AlreadyExists,
    /// The field never changes once it is set.
    Immutable,
    /// Another caller changed the thing since it was read.
    Conflict,
    /// The module is not in the licence.
    UnlicensedModule,
    /// The section takes all its resources automatically; it has no manual list.
    AssociationIsAutomatic,
    /// The resource belongs to every profile, or is a user, and cannot be removed.
    ProtectedResource,
    /// The default admin and the last one cannot be deleted, disabled or lose the role.
    ProtectedUser,
    /// A permission needs another one to be on.
    PrerequisiteMissing,
    /// A user of base role USER needs a profile.
    ProfileRequired,
    /// Only users of base role USER hold a profile.
    ProfileNotAssignable,
    /// Only a MANAGER holds a custom role.
    RoleNotAssignable,
    /// Built-in roles do not change, and no grant may lock a tenant out of itself.
    ProtectedRole,
    /// The change would give rights that the caller does not have.
    BeyondOwnRights,
    /// Users hold the profile.
    ProfileInUse,
    /// Users or groups hold the custom role.
    RoleInUse,
    /// The group is the only one of some of its members.
    LastGroupOfMembers,
    /// The password breaks the tenant's rule.
    WeakPassword,
    /// The credentials do not fit.
    WrongPassword,
    /// The item of a list is not associated: it is neither linked nor unlinked.
    LinkLocked,
    /// The link is used up or too old.
    LinkExpired,
    /// The file is not a PNG or JPEG.
    UnsupportedImage,
    /// The input is larger than its limit.
    TooLarge,
    /// No valid credential came with the request.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The request does not have the right form.
    BadInput,
    /// The query that the hash names is not known here: send its text with the hash.
    PersistedQueryNotFound,
    /// Too much work of this kind is under way; try again later.
    RateLimited,
    /// A part that the answer needs is away; try again later.
    Unavailable,
    /// A fault of the platform.
    Internal,
}

/// One thing that was wrong with a mutation's input. Nothing has changed.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct UserError {
    /// Kind of the refusal.
    code: ErrorCode,
    /// Message that says what to do, in a sentence.
    message: String,
    /// Path of the input field at fault.
    #[graphql(complexity = "super::cost::list(6, child_complexity)")]
    field: Option<Vec<String>>,
    /// Number of things that prevent the change.
    count: Option<i32>,
    #[graphql(skip)]
    related: Vec<Related>,
}

#[ComplexObject]
impl UserError {
    /// Some of the things that prevent the change: the users who hold the profile, the members of the group.
    #[graphql(complexity = "super::cost::list(RELATED_MAX, child_complexity)")]
    async fn related(&self, ctx: &Context<'_>) -> Result<Vec<Node>> {
        if self.related.is_empty() {
            return Ok(Vec::new());
        }
        loaders(ctx)?.related(&self.related).await
    }
}

/// Returns the value found, or the default where the caller may not see it: callers who may change a thing but not see
/// it still get an answer to their change.
pub(super) fn if_seen<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(error) if error.code == Code::Forbidden => Ok(T::default()),
        found => found,
    }
}

/// Returns the changed thing; `None` after a dry run, which has made nothing, and `None` if the thing cannot be read,
/// since the change is made all the same.
pub(super) async fn unless_dry<T, U>(done: &Outcome<U>, found: impl Future<Output = Result<Option<T>>>) -> Option<T> {
    if done.dry_run { None } else { read_back(found.await) }
}

/// Splits a refusal: errors that the caller can correct go into the payload, the others fail the operation.
pub(super) fn user_errors(error: Error) -> Result<Vec<UserError>> {
    if !error.code.is_user_error() {
        return Err(error);
    }
    Ok(vec![UserError {
        code: error.code.into(),
        message: error.message,
        field: (!error.field.is_empty()).then_some(error.field),
        count: error.count.map(int),
        related: error.related,
    }])
}

/// Declares a payload: its own fields, with the maximum length of each list, and the fields that every payload has. It
/// has at most one error, unless another number is given.
macro_rules! payload {
    ($(#[$meta:meta])* $name:ident { $($fields:tt)* }) => {
        $crate::graphql::payload::payload! { $(#[$meta])* $name of 1 error { $($fields)* } }
    };
    ($(#[$meta:meta])* $name:ident of $errors:literal error {
        $($(#[$field_meta:meta])* $field:ident: $type:ty $([at most $most:literal])?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Default, async_graphql::SimpleObject)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                $(#[graphql(complexity = $crate::graphql::cost::list($most, child_complexity))])?
                pub(in $crate::graphql) $field: Option<$type>,
            )*
            /// Errors in the input. If there are any, nothing has changed.
            #[graphql(complexity = $crate::graphql::cost::list($errors, child_complexity))]
            pub(in $crate::graphql) user_errors: Vec<$crate::graphql::payload::UserError>,
        }

        impl $name {
            /// Returns the payload of a result: the outcome, or the errors.
            pub(in $crate::graphql) fn of(result: $crate::error::Result<Self>) -> $crate::error::Result<Self> {
                match result {
                    Ok(payload) => Ok(payload),
                    Err(error) => {
                        Ok(Self { user_errors: $crate::graphql::payload::user_errors(error)?, ..Self::default() })
                    }
                }
            }
        }
    };
}
pub(super) use payload;
