//! Searches: the users who can do something, and the things that a user can do.

use async_graphql::{ComplexObject, Context, InputObject, Object, SimpleObject};

use super::context::caller;
use super::explain::MatchedRule;
use super::input::{parse, parse_opt};
use super::page::{connection, cut, cut_cost, page};
use super::scalar::int;
use super::user::User;
use super::user::filter::UserFilter;
use crate::domain::key::{self, Action, ModuleKey, UserKey};
use crate::error::{ErrorCode, Result};
use crate::service::Platform;
use crate::service::ask::explain::Because;
use crate::service::ask::search::{WhatCan, WhoCan};

/// Number of rules listed with an answer when the client names none.
const VIA: usize = 5;

/// A user who may do something.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct SubjectAccess {
    /// The user.
    user: User,
    #[graphql(skip)]
    because: Because,
}

/// Something that a user may do.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Access {
    /// Object of the access.
    object: String,
    /// Action on the object.
    action: String,
    #[graphql(skip)]
    because: Because,
}

/// Adds to a type of access the fields that list its rules.
macro_rules! because {
    ($($of:ident),+) => {$(
        #[ComplexObject]
        impl $of {
            /// Rules that allow the access, the denials first: `viaCount` is the number in all. Needs `read` on
            /// `admin/rules`, except for callers who ask about themselves.
            #[graphql(complexity = "cut_cost(first, VIA, child_complexity)")]
            async fn via(
                &self,
                ctx: &Context<'_>,
                #[graphql(desc = "Number of rules; 5 when absent, at most 100.")] first: Option<i32>,
            ) -> Result<Vec<MatchedRule>> {
                why(ctx, &self.because, cut(first, VIA)?).await
            }

            /// Number of rules that allow the access, each counted once for each thing that the user holds directly
            /// and that leads to it. Needs the same right as `via`.
            async fn via_count(&self, ctx: &Context<'_>) -> Result<i32> {
                let (platform, caller) = caller(ctx)?;
                platform.why(caller, &self.because, 0).await.map(|found| int(found.count))
            }
        }
    )+};
}
because!(SubjectAccess, Access);

impl Access {
    fn new(because: Because) -> Self {
        Self { object: because.object.to_string(), action: because.action.to_string(), because }
    }
}

async fn why(ctx: &Context<'_>, because: &Because, most: usize) -> Result<Vec<MatchedRule>> {
    let (platform, caller) = caller(ctx)?;
    let found = platform.why(caller, because, most).await?;
    let shown = |matched| MatchedRule::new(matched, &caller.tenant().key, because.revision());
    Ok(found.first.into_iter().map(shown).collect())
}

connection!(
    SubjectAccessConnection,
    SubjectAccessEdge,
    SubjectAccess,
    "users that may do something",
    "super::page::SEARCH"
);
connection!(AccessConnection, AccessEdge, Access, "things that a user may do", "super::page::SEARCH");

/// A choice from all that a user may do; every given field must fit.
#[derive(Default, InputObject)]
pub struct AccessFilter {
    /// Action, such as `edit`: no other is chosen.
    action: Option<String>,
    /// Part of the object, such as `voice/queues`.
    search: Option<String>,
}

/// Loads a page of the accesses of a user.
pub(super) async fn what_can(
    ctx: &Context<'_>,
    what: WhatCan,
    wanted: crate::service::Page,
) -> Result<AccessConnection> {
    let (platform, caller) = caller(ctx)?;
    let found = platform.what_can(caller, &what, wanted).await?;
    let count = move |platform: Platform, caller: crate::auth::caller::Caller| {
        let what = what.clone();
        Box::pin(async move { platform.what_can_count(&caller, &what).await }) as _
    };
    Ok(AccessConnection::new(found, Access::new, Box::new(count)))
}

/// Parses the question for a user's accesses.
pub(super) fn wanted(subject: Option<UserKey>, module: Option<&str>, filter: Option<AccessFilter>) -> Result<WhatCan> {
    let AccessFilter { action, search } = filter.unwrap_or_default();
    let module = parse_opt("module", module, ModuleKey::parse).map_err(|error| error.with_code(ErrorCode::BadInput))?;
    let action = parse_opt("action", action.as_deref(), Action::parse).map_err(|error| error.at("filter"))?;
    Ok(WhatCan { subject, module, action, search })
}

/// Queries of the users who can do something, and of the things that a user can do.
#[derive(Default)]
pub struct SearchQuery;

#[Object]
impl SearchQuery {
    /// Returns every user who may do this, by key, of those whom the caller may see. Needs `read` on
    /// `admin/decisions`.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "a connection has four")]
    async fn who_can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Action, such as `edit`.")] action: String,
        #[graphql(desc = "Object, such as `voice/queues/sales`.")] object: String,
        #[graphql(desc = "Filter of the users; all when absent.")] filter: Option<UserFilter>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<SubjectAccessConnection> {
        let (platform, caller) = caller(ctx)?;
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let action = parse("action", &action, Action::parse)?;
        let object = parse("object", &object, key::Object::parse)?;
        let who = WhoCan { action, object, among: filter.unwrap_or_default().filter() };
        let found = platform.who_can(caller, &who, wanted).await?;
        let tenant = caller.tenant().id;
        let count = move |platform: Platform, caller: crate::auth::caller::Caller| {
            let who = who.clone();
            Box::pin(async move { platform.who_can_count(&caller, &who).await }) as _
        };
        let node = |(row, because)| SubjectAccess { user: User::new(tenant, row), because };
        Ok(SubjectAccessConnection::new(found, node, Box::new(count)))
    }

    /// Returns every object and action that a user may do: on the catalogue's modules, sections and data views in its
    /// order, then on the resources by section and key. Actions are those that the platform knows and those that the
    /// user's rules name. Callers may ask about themselves; asking about others needs `read` on `admin/decisions`.
    #[graphql(complexity = "super::page::page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "a connection has four")]
    async fn what_can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's bare key, such as `dana`.")] subject: String,
        #[graphql(desc = "Only this module of the catalogue, or `data` for the data views.")] module: Option<String>,
        #[graphql(desc = "Filter of the access; all when absent.")] filter: Option<AccessFilter>,
        #[graphql(desc = "Number of items from the start; at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor behind which the page begins.")] after: Option<String>,
        #[graphql(desc = "Number of items from the end; at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends.")] before: Option<String>,
    ) -> Result<AccessConnection> {
        let wanted = page(first, after.as_deref(), last, before.as_deref())?;
        let subject = parse("subject", &subject, UserKey::parse);
        let subject = Some(subject.map_err(|error| error.with_code(ErrorCode::BadInput))?);
        what_can(ctx, self::wanted(subject, module.as_deref(), filter)?, wanted).await
    }
}
