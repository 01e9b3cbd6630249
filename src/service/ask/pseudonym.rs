//! Users as others see them in reports (R37): by name, or by pseudonym.
//!
//! A pseudonym hides no user from a person who knows whose it is. So only callers who decide for others (a host
//! application, an admin) can ask for those of others, and no other caller can collect them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::caller::Caller;
use crate::auth::pseudonym::{Pseudonyms, new_secret};
use crate::domain::key::{Action, Object, UserKey};
use crate::error::{Error, ErrorCode, Result};
use crate::policy::rule::Subject;
use crate::service::Platform;
use crate::service::access::permit::{Access, Permit, is_admin_or_host, is_self, unauthenticated};
use crate::service::runtime::policy_cache::Tenant;

/// The most users that one call names.
pub const PSEUDONYMS_MAX: usize = 1000;
/// Object that a user must be allowed to `identify`, to see the names of others.
const PERFORMANCE: &str = "data/performance";

/// A user with the name that others see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownName {
    /// The user.
    pub user: UserKey,
    /// The full name or the pseudonym.
    pub name: String,
    /// `true` if the name is the pseudonym.
    pub anonymised: bool,
}

impl Platform {
    /// Returns the names of users, in their order: as `subject` sees them, or their pseudonyms when there is none.
    /// Subjects see their own name, and those of others where they may identify them.
    pub async fn pseudonym_list(
        &self,
        caller: &Caller,
        users: &[UserKey],
        subject: Option<&UserKey>,
    ) -> Result<Vec<ShownName>> {
        if !(1..=PSEUDONYMS_MAX).contains(&users.len()) {
            return Err(Error::bad_input(format!("1 to {PSEUDONYMS_MAX} users at once are allowed")).at("users"));
        }
        let tenant = self.authorise_about(caller, Permit::DECISIONS_READ, users.iter().chain(subject)).await?;
        if !users.iter().chain(subject).all(|user| is_self(caller, user)) && !is_admin_or_host(caller, &tenant.policy())
        {
            return Err(Error::new(ErrorCode::Forbidden, "only admins and host applications ask who others are"));
        }
        let sees_all = subject.map_or(Ok(false), |subject| identifies(&tenant, subject))?;
        let found = tenant.scope().users_by_keys(users).await?;
        let found: HashMap<UserKey, _> =
            found.into_iter().map(|row| (row.user.key.clone(), (row.user.id, row.full_name))).collect();
        let pseudonyms = self.pseudonyms_in(&tenant).await?;
        let shown = |(i, user): (usize, &UserKey)| {
            let unknown = || Error::bad_input(format!("there is no user `{user}`")).at(i.to_string()).at("users");
            let (id, full_name) = found.get(user).ok_or_else(unknown)?;
            let anonymised = !(sees_all || subject == Some(user));
            let name = if anonymised { pseudonyms.of(*id) } else { full_name.clone() };
            Ok(ShownName { user: user.clone(), name, anonymised })
        };
        users.iter().enumerate().map(shown).collect()
    }

    /// Returns the maker of the tenant's pseudonyms. Its secret is made when it is first needed.
    async fn pseudonyms_in(&self, tenant: &Access<'_>) -> Result<Arc<Pseudonyms>> {
        let from_secret = || async {
            let scope = tenant.scope();
            if let Some(secret) = scope.secret().await? {
                return Pseudonyms::new(&secret).map(Arc::new);
            }
            tenant.keep_secret(new_secret()?).await?;
            // Another instance may have been first: what is stored counts.
            Pseudonyms::new(&scope.secret().await?.ok_or_else(unauthenticated)?).map(Arc::new)
        };
        tenant.pseudonyms().get_or_try_init(from_secret).await.cloned()
    }
}

fn identifies(tenant: &Tenant, subject: &UserKey) -> Result<bool> {
    let performance = Object::parse(PERFORMANCE)?;
    Ok(tenant.policy().allows(&Subject::User(subject.clone()), &performance, &Action::identify()))
}
