//! Users by name or by pseudonym.

use async_graphql::{Context, Object, SimpleObject};

use super::context::caller;
use super::input::{parse, parse_opt};
use crate::domain::key::UserKey;
use crate::error::{Error, ErrorCode, Result};
use crate::service::pseudonym::ShownName;

/// How a user is named in a report.
#[derive(SimpleObject)]
pub struct Pseudonym {
    /// The user's key.
    user: String,
    /// What to show: a pseudonym such as `User 7Q2M0X9KBD`, or the full name.
    name: String,
    /// Whether the name is a pseudonym.
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
    /// The pseudonyms of users, in their order: of each always the same, and no way back to the
    /// user. With a subject, the names as that user sees them: its own, those of all where it may
    /// `identify` on `data/performance`, else pseudonyms. Anyone may ask for their own alone;
    /// everything else needs `read` on `admin/decisions`, so that nobody can collect them.
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
        let shown = platform.pseudonyms(caller, &users, subject.as_ref()).await?;
        Ok(shown.into_iter().map(Into::into).collect())
    }
}
