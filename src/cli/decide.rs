//! `bailiwick decide`.

use std::process::ExitCode;

use crate::domain::key::{Action, Object, UserKey};
use crate::error::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, typed};
use super::output::{BAD, FAINT, GOOD, print, print_json, styled};
use super::{Place, parsed};

const DECISION: &str = "query Decision($input: DecisionInput!) {
  decision(input: $input) { allowed reason obligations { kind view characters } revision }
}";

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bailiwick decide --tenant demo dana edit voice/queues/sales && echo allowed\n  \
                        bailiwick decide --tenant demo priya read contacts/contacts --json")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    question: Question,
}

/// The request to decide.
#[derive(clap::Args)]
pub(super) struct Question {
    /// The user's key.
    #[arg(value_parser = parsed(UserKey::parse))]
    pub(super) subject: UserKey,
    /// The action, such as `edit`.
    #[arg(value_parser = parsed(Action::parse))]
    action: Action,
    /// The object, such as `voice/queues`.
    #[arg(value_parser = parsed(Object::parse))]
    object: Object,
}

impl Question {
    /// Returns the request as the contract's `DecisionInput`.
    pub(super) fn input(&self) -> Value {
        let Self { subject, action, object } = self;
        json!({ "subject": subject.as_str(), "action": action.as_str(), "object": object.as_str() })
    }
}

/// A decision, as the contract has it.
#[derive(Deserialize)]
pub(super) struct Decision {
    /// `true` for allow, `false` for deny.
    pub(super) allowed: bool,
    reason: String,
    obligations: Vec<Obligation>,
    revision: u64,
}

#[derive(Deserialize)]
struct Obligation {
    kind: String,
    view: String,
    characters: Option<i32>,
}

pub(super) async fn run(client: &Client, args: &Args) -> Result<ExitCode> {
    let variables = json!({ "input": args.question.input() });
    let answer = client.ask(args.place.tenant.as_ref(), DECISION, variables).await?;
    let decision: Decision = typed(answer.clone())?;
    if args.place.json {
        print_json(&answer)?;
    } else {
        print(&decision.for_people())?;
    }
    Ok(ExitCode::from(u8::from(!decision.allowed)))
}

impl Decision {
    /// Returns a line with the decision, and one for each obligation.
    pub(super) fn for_people(&self) -> String {
        let word = if self.allowed { styled(GOOD, "allow") } else { styled(BAD, "deny") };
        let beside = styled(FAINT, &format!("({}, revision {})", self.reason, self.revision));
        let obligations = self.obligations.iter().map(Obligation::for_people);
        std::iter::once(format!("{word} {beside}\n")).chain(obligations).collect()
    }
}

impl Obligation {
    fn for_people(&self) -> String {
        let view = &self.view;
        match (self.kind.as_str(), self.characters) {
            ("MASK", Some(characters)) => format!("  mask the last {characters} characters of contacts in `{view}`\n"),
            ("ANONYMISE", _) => format!("  show pseudonyms of other users in `{view}`\n"),
            (other, _) => format!("  {other} `{view}`\n"),
        }
    }
}
