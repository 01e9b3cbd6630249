//! Decisions.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use super::context::caller;
use super::input::{parse, parse_opt};
use super::scalar::int;
use crate::domain::key::{self, Action, UserKey};
use crate::error::{Error, ErrorCode, Result};
use crate::service::ask::decision::{self, About, DECISIONS_MAX, Interface, Query, When};

/// A request for a decision: may the subject do the action on the object?
#[derive(InputObject)]
pub struct DecisionInput {
    /// Bare key of the user, such as `dana`; the caller when absent.
    subject: Option<String>,
    /// Action that the subject wants to do, such as `edit`.
    action: String,
    /// Object of the action, such as `voice/queues/sales`.
    object: String,
    /// Lowest revision of the policy at which the answer may be made. An older one is never used.
    at_least_revision: Option<i32>,
    /// Revision of the policy at which the answer is made, whatever holds now. Needs `read` on `admin/rules`.
    at_revision: Option<i32>,
}

/// The answer to a request.
#[derive(SimpleObject)]
pub struct Decision {
    /// `true` if the subject may do the action on the object.
    allowed: bool,
    /// Reason for the answer.
    reason: DecisionReason,
    /// Obligations of the host when it shows the object.
    #[graphql(complexity = "super::cost::list(2, child_complexity)")]
    obligations: Vec<Obligation>,
    /// Revision of the policy at which the answer was made.
    revision: i32,
}

/// The reason for a decision.
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

/// A duty of the host when it shows data.
#[derive(SimpleObject)]
pub struct Obligation {
    /// Kind of the obligation.
    kind: ObligationKind,
    /// Data view to which the obligation applies.
    view: String,
    /// Number of characters masked at the end of each value, for `MASK`, as people see them (grapheme clusters).
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

/// Parses a revision's number as clients write it.
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
    /// Decides one request. Callers may ask about themselves; asking about others needs `read` on `admin/decisions`.
    async fn decision(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The request.")] input: DecisionInput,
    ) -> Result<Decision> {
        let (platform, caller) = caller(ctx)?;
        let query = input.query().map_err(|error| error.at("input"))?;
        platform.decide(caller, Interface::GraphQl, &query).await.map(Into::into)
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
        Ok(platform.decide_all(caller, Interface::GraphQl, &queries).await?.into_iter().map(Into::into).collect())
    }
}
