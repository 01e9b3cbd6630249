//! Refusals over things that a change names beside its target, and that its caller may not read. A key that is not
//! there and one that is not the caller's to give are refused alike, so that no caller learns by trying which profiles,
//! roles and groups there are, or what they hold.

use crate::auth::caller::Caller;
use crate::domain::Change;
use crate::domain::group::GroupChange;
use crate::domain::user::UserChange;
use crate::error::{Error, ErrorCode};
use crate::service::Platform;
use crate::service::access::permit::Permit;

/// The fields by which changes name profiles, roles and groups.
const FIELDS: [&str; 4] = ["profile", "customRole", "groups", "roles"];

/// The kinds of things that a change names.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::service) struct Named {
    profiles: bool,
    roles: bool,
    groups: bool,
}

impl Named {
    /// A profile alone.
    pub(in crate::service) const PROFILE: Self = Self { profiles: true, roles: false, groups: false };

    /// Returns the kinds that either names.
    pub(in crate::service) const fn and(self, other: Self) -> Self {
        Self {
            profiles: self.profiles || other.profiles,
            roles: self.roles || other.roles,
            groups: self.groups || other.groups,
        }
    }
}

impl From<&UserChange> for Named {
    fn from(change: &UserChange) -> Self {
        Self {
            profiles: matches!(change.profile, Change::Set(_)),
            roles: matches!(change.role, Change::Set(_)),
            groups: change.groups.as_ref().is_some_and(|groups| !groups.is_empty()),
        }
    }
}

impl From<&GroupChange> for Named {
    fn from(change: &GroupChange) -> Self {
        Self { roles: change.roles.as_ref().is_some_and(|roles| !roles.is_empty()), ..Self::default() }
    }
}

impl Platform {
    /// Returns the refusal of a change as its caller may be told it. The domain looks last at whether what a change
    /// names is there: so no other refusal tells it either.
    pub(in crate::service) async fn unseen(&self, caller: &Caller, named: Named, error: Error) -> Error {
        let tells = match error.code {
            ErrorCode::NotFound => error.field.last().is_some_and(|field| FIELDS.contains(&field.as_str())),
            ErrorCode::BeyondOwnRights => error.field.is_empty(),
            _ => false,
        };
        if !tells || self.may_read(caller, named).await {
            return error;
        }
        let message = "the profiles, roles and groups that this names are not all there, or not all yours to give";
        Error::new(ErrorCode::BeyondOwnRights, message)
    }

    async fn may_read(&self, caller: &Caller, named: Named) -> bool {
        let kinds = [
            (named.profiles, Permit::PROFILES_READ),
            (named.roles, Permit::ROLES_READ),
            (named.groups, Permit::GROUPS_READ),
        ];
        for (_, permit) in kinds.into_iter().filter(|(is_named, _)| *is_named) {
            if !self.may(caller, permit).await {
                return false;
            }
        }
        true
    }
}
