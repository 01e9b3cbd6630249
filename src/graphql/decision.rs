//! Decisions.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::context::caller;
use super::input::{parse, parse_opt};
use super::scalar::int;
use crate::domain::key::{self, Action, UserKey};
use crate::error::{Error, ErrorCode, Result};
use crate::service::decision::{self, About, DECISIONS_MAX, Face, Query, When};

/// Who may do what?
#[derive(InputObject)]
pub struct DecisionInput {
    /// The user's bare key, such as `dana`; the caller when absent.
    subject: Option<String>,
    /// What it wants to do, such as `edit`.
    action: String,
    /// On what, such as `voice/queues/sales`.
    object: String,
    /// The answer is made at this revision of the policy or a later one, never an older.
    at_least_revision: Option<i32>,
    /// The answer is the one of this revision, whatever holds now. Needs `read` on `admin/rules`.
    at_revision: Option<i32>,
}

/// The answer to a request.
#[derive(SimpleObject)]
pub struct Decision {
    /// Whether the subject may.
    allowed: bool,
    /// Why.
    reason: DecisionReason,
    /// What the host must do with what it shows.
    #[graphql(complexity = "super::cost::list(2, child_complexity)")]
    obligations: Vec<Obligation>,
    /// The revision of the policy at which the answer was made.
    revision: i32,
}

/// Why a decision is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "decision::DecisionReason")]
pub enum DecisionReason {
    /// A rule allows it, and none denies it.
    Allowed,
    /// A rule denies it.
    DeniedByRule,
    /// No rule allows it.
    NoMatchingRule,
    /// There is no such user.
    UnknownSubject,
    /// The user is disabled.
    SubjectDisabled,
    /// The module is not in the licence.
    Unlicensed,
}

/// What the host must do with what it shows.
#[derive(SimpleObject)]
pub struct Obligation {
    /// What to do.
    kind: ObligationKind,
    /// In which data view.
    view: String,
    /// For `MASK`: how many characters at the end of each value, as people see them (grapheme clusters).
    characters: Option<i32>,
}

/// The kinds of obligations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ObligationKind {
    /// Mask the phone, name and email of contacts.
    Mask,
    /// Show pseudonyms in place of other users.
    Anonymise,
}

impl From<decision::Decision> for Decision {
    fn from(decision: decision::Decision) -> Self {
        Self {
            allowed: decision.allowed,
            reason: decision.reason.into(),
            obligations: decision.obligations.into_iter().map(Into::into).collect(),
            revision: int(decision.revision),
        }
    }
}

impl From<decision::Obligation> for Obligation {
    fn from(obligation: decision::Obligation) -> Self {
        match obligation {
            decision::Obligation::Mask { view, characters } => {
                Self { kind: ObligationKind::Mask, view: view.to_string(), characters: Some(characters) }
            }
            decision::Obligation::Anonymise { view } => {
                Self { kind: ObligationKind::Anonymise, view: view.to_string(), characters: None }
            }
        }
    }
}

/// A revision's number as clients write it.
pub(super) fn revision(number: i32) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::bad_input("a revision is not negative"))
}

impl DecisionInput {
    pub(super) fn query(&self) -> Result<Query> {
        // A request that is not well formed is refused before any engine sees it.
        let when = match (self.at_least_revision, self.at_revision) {
            (None, None) => When::Now,
            (Some(least), None) => When::NotBefore(revision(least).map_err(|error| error.at("atLeastRevision"))?),
            (None, Some(then)) => When::At(revision(then).map_err(|error| error.at("atRevision"))?),
            (Some(_), Some(_)) => {
                let message = "`atRevision` and `atLeastRevision` do not go together";
                return Err(Error::bad_input(message).at("atRevision"));
            }
        };
        let subject = parse_opt("subject", self.subject.as_deref(), UserKey::parse)
            .map_err(|error| error.with_code(ErrorCode::BadInput))?;
        Ok(Query {
            subject: subject.map_or(About::Caller, About::User),
            action: parse("action", &self.action, Action::parse)?,
            object: parse("object", &self.object, key::Object::parse)?,
            when,
        })
    }
}

/// Queries of decisions.
#[derive(Default)]
pub struct DecisionQuery;

#[Object]
impl DecisionQuery {
    /// Decides one request. Anyone may ask about themselves; asking about others needs `read` on
    /// `admin/decisions`.
    async fn decision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The request.")] input: DecisionInput,
    ) -> Result<Decision> {
        let (platform, caller) = caller(ctx)?;
        let query = input.query().map_err(|error| error.at("input"))?;
        platform.decide(caller, Face::GraphQl, &query).await.map(Into::into)
    }

    /// Decides up to 1000 requests, all at one revision, in their order.
    #[graphql(complexity = "super::cost::list(inputs.len(), child_complexity)")]
    async fn decisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The requests: at most 1000.")] inputs: Vec<DecisionInput>,
    ) -> Result<Vec<Decision>> {
        let (platform, caller) = caller(ctx)?;
        if inputs.len() > DECISIONS_MAX {
            return Err(Error::bad_input(format!("at most {DECISIONS_MAX} decisions at once are allowed")).at("inputs"));
        }
        let place =
            |(i, input): (usize, &DecisionInput)| input.query().map_err(|error| error.at(i.to_string()).at("inputs"));
        let queries = inputs.iter().enumerate().map(place).collect::<Result<Vec<_>>>()?;
        Ok(platform.decide_all(caller, Face::GraphQl, &queries).await?.into_iter().map(Into::into).collect())
    }
}
