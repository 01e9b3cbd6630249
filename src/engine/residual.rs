//! The terms of a matcher that have no comparison here, evaluated by casbin's own matcher on one
//! line at a time.
//!
//! Casbin's Enforcer cannot evaluate a single line. But without any line it evaluates the matcher once, over the
//! request alone; so here the fields of the line are fields of the request.

use casbin::{CoreApi as _, DefaultModel, Enforcer};

use super::expression::{self, Token};
use super::layout::at_once;

/// Terms that casbin evaluates.
pub(super) struct Residual {
    enforcer: Enforcer,
}

impl Residual {
    /// Compiles the terms of these texts over the fields of the request and of a line; `None` when casbin does not take
    /// them.
    pub(super) fn new(terms: &[&str], request: &[String], policy: &[&str]) -> Option<Self> {
        let fields: Vec<&str> = request.iter().map(String::as_str).chain(policy.iter().copied()).collect();
        let matcher = terms.iter().map(|term| renamed(term, &fields)).collect::<Option<Vec<_>>>()?.join(" && ");
        let names: Vec<String> = (0..fields.len()).map(|at| format!("f{at}")).collect();
        let model = format!(
            "[request_definition]\nr = {}\n[policy_definition]\np = none\n\
             [policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = {matcher}\n",
            names.join(", "),
        );
        let model = at_once(DefaultModel::from_str(&model))?.ok()?;
        let enforcer = at_once(Enforcer::new(model, ()))?.ok()?;
        Some(Self { enforcer })
    }

    /// Returns whether the terms hold for a request and a line.
    pub(super) fn holds(&self, request: &[&str], line: &[&str]) -> casbin::Result<bool> {
        let values: Vec<String> = request.iter().chain(line).map(|value| (*value).to_owned()).collect();
        self.enforcer.enforce(values)
    }
}

/// Returns the term with its fields under their new names, in parentheses.
fn renamed(term: &str, fields: &[&str]) -> Option<String> {
    let piece = |token| match token {
        Token::Name(name) => {
            let place = fields.iter().position(|field| *field == name);
            place.map_or_else(|| name.to_owned(), |at| format!("r_f{at}"))
        }
        Token::Text(inside) => format!("\"{inside}\""),
        Token::Symbol(symbol) => symbol.to_owned(),
    };
    let pieces: Vec<String> = expression::tokens(term)?.into_iter().map(piece).collect();
    Some(format!("({})", pieces.join(" ")))
}
