//! Asks Bailiwick over GraphQL whether a user may do something.
//!
//! ```sh
//! BAILIWICK_SERVER=http://127.0.0.1:8080 BAILIWICK_API_KEY=bwk_… cargo run --example host -- dana read voice/queues/sales
//! ```
//!
//! A fourth argument is the oldest revision that the answer can have: the one that a change returned, so that no user
//! is let in by a right that was just taken away. Exit status: 0 allowed, 1 denied, 2 no answer; anything that is not
//! an answer is never taken for an allow.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

const DECISION: &str = "query($input: DecisionInput!) {
  decision(input: $input) { allowed reason revision obligations { kind view characters } }
}";

/// The fields of a decision that are asked for: a field that comes later breaks nothing.
#[derive(Deserialize)]
struct Decision {
    allowed: bool,
    reason: String,
    revision: i64,
    obligations: Vec<Obligation>,
}

#[derive(Deserialize)]
struct Obligation {
    kind: String,
    view: String,
    characters: Option<i32>,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Data {
    decision: Decision,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [subject, action, object, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: host USER ACTION OBJECT [REVISION]");
        return ExitCode::from(2);
    };
    match decide(subject, action, object, rest.first()).await {
        Ok(decision) if decision.allowed => {
            println!("allowed at revision {}", decision.revision);
            for Obligation { kind, view, characters } in decision.obligations {
                println!("  {kind} {view} {}", characters.map_or_else(String::new, |count| count.to_string()));
            }
            ExitCode::SUCCESS
        }
        Ok(decision) => {
            println!("denied: {}, at revision {}", decision.reason, decision.revision);
            ExitCode::from(1)
        }
        // Away, too slow, refused: a host that cannot ask does not allow.
        Err(error) => {
            eprintln!("no answer, so no: {error}");
            ExitCode::from(2)
        }
    }
}

async fn decide(
    subject: &str,
    action: &str,
    object: &str,
    revision: Option<&String>,
) -> Result<Decision, Box<dyn std::error::Error>> {
    let revision: Option<i32> = revision.map(|revision| revision.parse()).transpose()?;
    let input = json!({ "subject": subject, "action": action, "object": object, "atLeastRevision": revision });
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    let request = client.post(format!("{}/graphql", std::env::var("BAILIWICK_SERVER")?));
    let request = request.bearer_auth(std::env::var("BAILIWICK_API_KEY")?);
    let answer: Answer =
        request.json(&json!({ "query": DECISION, "variables": { "input": input } })).send().await?.json().await?;
    match (answer.data, answer.errors.into_iter().next()) {
        (Some(data), None) => Ok(data.decision),
        (_, Some(refusal)) => Err(refusal.message.into()),
        (None, None) => Err("an answer with nothing in it".into()),
    }
}
