//! `bailiwick explain`: a decision with the rules behind it, as a small tree.

use std::process::ExitCode;

use crate::error::Result;
use serde::Deserialize;
use serde_json::json;
use termtree::Tree;

use super::Place;
use super::client::{Client, typed};
use super::decide::{Decision, Question};
use super::output::{BAD, FAINT, GOOD, STRONG, print, print_json, styled};

const EXPLAIN: &str = "query Explain($input: DecisionInput!) {
  explain(input: $input) {
    decision { allowed reason obligations { kind view characters } revision }
    matched(first: 100) { rule { ptype values } via { from to } origin { kind key name text } since { revision author { key } reason } }
    matchedCount
    nearest { text }
    text
  }
}";

#[derive(clap::Args)]
#[command(after_help = "Example:\n  bailiwick explain --tenant demo dana delete voice/queues/sales")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    question: Question,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    decision: Decision,
    matched: Vec<Matched>,
    matched_count: usize,
    nearest: Vec<Suggestion>,
    text: String,
}

/// A change that would turn a deny into an allow.
#[derive(Deserialize)]
struct Suggestion {
    text: String,
}

/// A rule that matches, with the way to it.
#[derive(Deserialize)]
pub(super) struct Matched {
    rule: Rule,
    via: Vec<Step>,
    /// The thing that the rule comes from.
    pub(super) origin: Origin,
    /// The revision that it came with, if it is known.
    since: Option<Revision>,
}

#[derive(Deserialize)]
struct Revision {
    #[serde(rename = "revision")]
    number: u64,
    author: Author,
    reason: String,
}

#[derive(Deserialize)]
struct Author {
    key: String,
}

#[derive(Deserialize)]
struct Rule {
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Step {
    to: String,
}

/// The origin of a rule, in the words of administrators.
#[derive(Deserialize)]
pub(super) struct Origin {
    /// The name of the thing.
    pub(super) name: String,
    /// The whole origin as a sentence.
    text: String,
}

pub(super) async fn run(client: &Client, args: &Args) -> Result<ExitCode> {
    let variables = json!({ "input": args.question.input() });
    let answer = client.ask(args.place.tenant.as_ref(), EXPLAIN, variables).await?;
    if args.place.json {
        return print_json(&answer);
    }
    let explanation: Explanation = typed(answer)?;
    print(&explanation.for_people(args.question.subject.as_str()))
}

impl Explanation {
    fn for_people(&self, subject: &str) -> String {
        let mut tree = Tree::new(styled(STRONG, &format!("user:{subject}")));
        for matched in &self.matched {
            grow(&mut tree, &matched.via, matched.leaf());
        }
        let left_out = self.matched_count.saturating_sub(self.matched.len());
        if left_out > 0 {
            tree.push(Tree::new(styled(FAINT, &format!("… and {left_out} more"))));
        }
        let tree = if self.matched.is_empty() { String::new() } else { tree.to_string() };
        let nearest: Vec<String> = self.nearest.iter().map(|it| format!("  {}\n", it.text)).collect();
        let nearest = if nearest.is_empty() {
            String::new()
        } else {
            format!("{}\n{}", styled(STRONG, "would be allowed by any of"), nearest.concat())
        };
        format!("{}{tree}{}\n{nearest}", self.decision.for_people(), styled(FAINT, &self.text))
    }
}

impl Matched {
    /// Describes the rule and its origin.
    fn leaf(&self) -> String {
        let [_, _, object, action, effect] = self.rule.values.as_slice() else { return self.rule.values.join(", ") };
        let effect = styled(if effect == "allow" { GOOD } else { BAD }, effect);
        let since = self.since.as_ref().map_or_else(String::new, Revision::for_people);
        format!("{effect} {action} on {object}  {}", styled(FAINT, &format!("{}{since}", self.origin.text)))
    }
}

impl Revision {
    /// Names the author and the reason of the revision.
    fn for_people(&self) -> String {
        let Self { number, author, reason } = self;
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        format!(" (since revision {number} by {}{why})", author.key)
    }
}

/// Puts a leaf at the end of a way from the root, along branches that exist already.
fn grow(tree: &mut Tree<String>, way: &[Step], leaf: String) {
    let Some((step, rest)) = way.split_first() else {
        tree.push(Tree::new(leaf));
        return;
    };
    if !tree.leaves.iter().any(|branch| branch.root == step.to) {
        tree.push(Tree::new(step.to.clone()));
    }
    if let Some(branch) = tree.leaves.iter_mut().find(|branch| branch.root == step.to) {
        grow(branch, rest, leaf);
    }
}
