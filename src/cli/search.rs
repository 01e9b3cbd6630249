//! `bailiwick who-can` and `bailiwick what-can`.

use std::process::ExitCode;

use crate::domain::key::{Action, ModuleKey, Object, UserKey};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client::{Client, typed};
use super::explain::Matched;
use super::output::{note, print, print_json, table};
use super::{Place, parsed};

const WHO_CAN: &str =
    "query WhoCan($action: String!, $object: String!, $filter: UserFilter, $why: Boolean!, $first: Int, $after: String) {
  whoCan(action: $action, object: $object, filter: $filter, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { user { key fullName baseRole } via @include(if: $why) { rule { ptype values } via { from to } origin { kind key name text } } }
  }
}";

const WHAT_CAN: &str =
    "query WhatCan($subject: String!, $module: String, $filter: AccessFilter, $why: Boolean!, $first: Int, $after: String) {
  whatCan(subject: $subject, module: $module, filter: $filter, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { object action via @include(if: $why) { rule { ptype values } via { from to } origin { kind key name text } } }
  }
}";

/// The part of a list to show.
#[derive(clap::Args)]
pub(super) struct Limit {
    /// At most N of them.
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "all", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Limit {
    /// Returns the limit, if there is one.
    pub(super) fn get(&self) -> Option<usize> {
        (!self.all).then(|| usize::try_from(self.limit).unwrap_or(usize::MAX))
    }
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bailiwick who-can --tenant demo delete voice/queues/sales\n  \
                        bailiwick who-can --tenant demo edit admin/users --group team-leads --why")]
pub(super) struct WhoCan {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    among: Among,
    /// Show the rules behind each answer.
    #[arg(long)]
    why: bool,
    /// The action, such as `edit`.
    #[arg(value_parser = parsed(Action::parse))]
    action: Action,
    /// The object, such as `voice/queues`.
    #[arg(value_parser = parsed(Object::parse))]
    object: Object,
}

/// The users to search among.
#[derive(clap::Args, Serialize)]
struct Among {
    /// Only users with this in their username, name, email or extension.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only holders of this user profile.
    #[arg(long, value_name = "KEY")]
    profile: Option<String>,
    /// Only holders of this custom role.
    #[arg(long, value_name = "KEY")]
    role: Option<String>,
    /// Only members of this group.
    #[arg(long, value_name = "KEY")]
    group: Option<String>,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bailiwick what-can --tenant demo dana\n  \
                        bailiwick what-can --tenant demo dana --module voice --action delete --why")]
pub(super) struct WhatCan {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    limit: Limit,
    /// Show the rules behind each answer.
    #[arg(long)]
    why: bool,
    /// Only objects of this module; `data` for the data views.
    #[arg(long, value_parser = parsed(ModuleKey::parse))]
    module: Option<ModuleKey>,
    /// Only this action.
    #[arg(long, value_parser = parsed(Action::parse))]
    action: Option<Action>,
    /// Only objects that contain this, such as `voice/queues`.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// The user's key.
    #[arg(value_parser = parsed(UserKey::parse))]
    subject: UserKey,
}

#[derive(Deserialize)]
struct SubjectAccess {
    user: User,
    #[serde(default)]
    via: Vec<Matched>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    key: String,
    full_name: String,
    base_role: String,
}

#[derive(Deserialize)]
struct Access {
    object: String,
    action: String,
    #[serde(default)]
    via: Vec<Matched>,
}

pub(super) async fn who_can(client: &Client, args: &WhoCan) -> Result<ExitCode> {
    let variables = Map::from_iter([
        ("action".to_owned(), args.action.as_str().into()),
        ("object".to_owned(), args.object.as_str().into()),
        ("filter".to_owned(), json!(args.among)),
        ("why".to_owned(), args.why.into()),
    ]);
    let found = client.list(args.place.tenant.as_ref(), WHO_CAN, variables, args.limit.get()).await?;
    let Some(nodes) = shown(args.place.json, found)? else { return Ok(ExitCode::SUCCESS) };
    let users: Vec<SubjectAccess> = typed(nodes)?;
    let row = |SubjectAccess { user, via }: SubjectAccess| [user.key, user.full_name, user.base_role, names(&via)];
    let heads = ["USER", "NAME", "BASE ROLE", if args.why { "BY" } else { "" }];
    print(&table(heads, users.into_iter().map(row)))
}

pub(super) async fn what_can(client: &Client, args: &WhatCan) -> Result<ExitCode> {
    let filter = json!({ "action": args.action.as_ref().map(Action::as_str), "search": args.search });
    let variables = Map::from_iter([
        ("subject".to_owned(), args.subject.as_str().into()),
        ("module".to_owned(), json!(args.module.as_ref().map(ModuleKey::as_str))),
        ("filter".to_owned(), filter),
        ("why".to_owned(), args.why.into()),
    ]);
    let found = client.list(args.place.tenant.as_ref(), WHAT_CAN, variables, args.limit.get()).await?;
    let Some(nodes) = shown(args.place.json, found)? else { return Ok(ExitCode::SUCCESS) };
    let pairs: Vec<Access> = typed(nodes)?;
    let by_object =
        pairs.chunk_by(|one, next| one.object == next.object && (!args.why || names(&one.via) == names(&next.via)));
    let row = |of: &[Access]| {
        let first = of.first();
        let actions: Vec<&str> = of.iter().map(|access| access.action.as_str()).collect();
        let (object, by) = first.map_or_else(Default::default, |it| (it.object.clone(), names(&it.via)));
        [object, actions.join(", "), by]
    };
    print(&table(["OBJECT", "ACTIONS", if args.why { "BY" } else { "" }], by_object.map(row)))
}

/// Returns the list that was found, unless programs want it or it is empty: then it is printed already.
pub(super) fn shown(json: bool, (nodes, has_more): (Vec<Value>, bool)) -> Result<Option<Value>> {
    if has_more {
        note("there are more: `--all` lists them, `--limit N` so many");
    }
    if json {
        print_json(&nodes.into())?;
        return Ok(None);
    }
    if nodes.is_empty() {
        note("none");
        return Ok(None);
    }
    Ok(Some(nodes.into()))
}

/// Names the things that rules come from, each once.
fn names(via: &[Matched]) -> String {
    let mut names: Vec<&str> = via.iter().map(|matched| matched.origin.name.as_str()).collect();
    names.dedup();
    names.join(", ")
}
