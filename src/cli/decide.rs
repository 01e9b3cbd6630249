//! `bailiwick decide`.

use std::process::ExitCode;

use bailiwick::app::App;
use bailiwick::domain::key::{Action, Object, TenantKey, UserKey};
use bailiwick::engine::tenant::{Decision, Obligation};
use bailiwick::error::Result;
use bailiwick::service::decision::{About, Face, Query};
use serde_json::{Value, json};

use super::output::print;
use super::{caller_in, parsed};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bailiwick decide --tenant demo dana edit voice/queues/sales && echo allowed\n  \
                        bailiwick decide --tenant demo priya read contacts/contacts --json")]
pub(super) struct Args {
    /// The tenant's key.
    #[arg(long, value_parser = parsed(TenantKey::parse))]
    tenant: TenantKey,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// The user's key.
    #[arg(value_parser = parsed(UserKey::parse))]
    subject: UserKey,
    /// What it wants to do.
    #[arg(value_parser = parsed(Action::parse))]
    action: Action,
    /// On what.
    #[arg(value_parser = parsed(Object::parse))]
    object: Object,
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let Args { tenant, json, subject, action, object } = args;
    let system = caller_in(app, &tenant).await?;
    let query = Query { subject: About::User(subject), action, object, at_least_revision: None };
    let decision = app.platform().decide(&system, Face::CommandLine, &query).await?;
    print(&if json { format!("{}\n", for_programs(&decision)) } else { for_people(&decision) })?;
    Ok(ExitCode::from(u8::from(!decision.allowed)))
}

fn for_people(decision: &Decision) -> String {
    let word = if decision.allowed { "allow" } else { "deny" };
    let answer = format!("{word} ({}, revision {})", decision.reason.as_str(), decision.revision);
    let obligations = decision.obligations.iter().map(|obligation| match obligation {
        Obligation::Mask { view, characters } => {
            format!("  mask the last {characters} characters of contacts in `{view}`")
        }
        Obligation::Anonymise { view } => format!("  show pseudonyms of other users in `{view}`"),
    });
    let mut lines: Vec<String> = std::iter::once(answer).chain(obligations).collect();
    lines.push(String::new());
    lines.join("\n")
}

/// The same shape as GraphQL's `Decision`.
fn for_programs(decision: &Decision) -> Value {
    let obligation = |obligation: &Obligation| match obligation {
        Obligation::Mask { view, characters } => {
            json!({ "kind": "MASK", "view": view.as_str(), "characters": characters })
        }
        Obligation::Anonymise { view } => json!({ "kind": "ANONYMISE", "view": view.as_str(), "characters": null }),
    };
    json!({
        "allowed": decision.allowed,
        "reason": decision.reason.as_str(),
        "obligations": decision.obligations.iter().map(obligation).collect::<Vec<_>>(),
        "revision": decision.revision,
    })
}
