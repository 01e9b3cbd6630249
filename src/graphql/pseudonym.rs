//! Users by name or by pseudonym.

use async_graphql::{Context, Object, SimpleObject};

use super::context::caller;
use super::input::{parse, parse_opt};
use crate::domain::key::UserKey;
use crate::error::{Error, ErrorCode, Result};
use crate::service::ask::pseudonym::ShownName;

/// The name of a user in a report.
#[derive(SimpleObject)]
pub struct Pseudonym {
    /// Key of the user.
    user: String,
    /// Name to show: a pseudonym such as `User 7Q2M0X9KBD`, or the full name.
    name: String,
    /// `true` if the name is a pseudonym.
    anonymised: bool,
}

impl From<ShownName> for Pseudonym {
    fn from(shown: ShownName) -> Self {
        Self { user: shown.user.to_string(), name: shown.name, anonymised: shown.anonymised }
    }
}

/// The query of pseudonyms.
#[derive(Default)]
pub struct PseudonymQuery;

#[Object]
impl PseudonymQuery {
    /// Returns the pseudonyms of users, in their order: always the same for one user, and with no way back to the
    /// user. With a subject, returns the names as that user sees them: their own name, the names of all users if they
    /// may `identify` on `data/performance`, and pseudonyms otherwise. Callers may ask for their own alone; everything
    /// else needs `read` on `admin/decisions`, so that pseudonyms cannot be collected.
    #[graphql(complexity = "super::cost::list(users.len(), child_complexity)")]
    async fn pseudonyms(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The users' bare keys: 1 to 1000.")] users: Vec<String>,
        #[graphql(desc = "The bare key of the user who looks at the names.")] subject: Option<String>,
    ) -> Result<Vec<Pseudonym>> {
        let (platform, caller) = caller(ctx)?;
        let bad = |error: Error| error.with_code(ErrorCode::BadInput);
        let place = |(i, user): (usize, &String)| {
            parse(&i.to_string(), user, UserKey::parse).map_err(|error| bad(error).at("users"))
        };
        let users = users.iter().enumerate().map(place).collect::<Result<Vec<_>>>()?;
        let subject = parse_opt("subject", subject.as_deref(), UserKey::parse).map_err(bad)?;
        let shown = platform.pseudonym_list(caller, &users, subject.as_ref()).await?;
        Ok(shown.into_iter().map(Into::into).collect())
    }
}
