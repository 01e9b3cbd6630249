//! The promises that every model has to keep: an installation can bring a Casbin model of its own, and one that voids
//! denials, lets strangers in or forgets prefixes would be decided by as faithfully as any other. So a model is asked,
//! before anything is served by it, about a small tenant of which the answers are known.

use std::sync::Arc;

use crate::domain::key::{Action, Object};
use crate::engine::plan::Plan;
use crate::engine::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::policy::compile::compile;
use crate::policy::rule::Subject;

mod tenant;

/// A rule of `docs/RULES.md`, in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Promise {
    rule: &'static str,
    says: &'static str,
}

/// A question about the small tenant, with the answer that keeps a promise.
struct Question {
    subject: &'static str,
    action: &'static str,
    object: &'static str,
    allowed: bool,
}

const fn may(subject: &'static str, action: &'static str, object: &'static str) -> Question {
    Question { subject, action, object, allowed: true }
}

const fn may_not(subject: &'static str, action: &'static str, object: &'static str) -> Question {
    Question { subject, action, object, allowed: false }
}

const LICENCE: Promise = Promise { rule: "R2", says: "a module that is not licensed is denied to everyone" };
const MASKS: Promise = Promise { rule: "R20", says: "the holders of a masking profile see contacts masked" };
const PROFILES: Promise = Promise { rule: "R11", says: "a profile opens what it lists, and nothing else" };
const ROLES: Promise = Promise { rule: "R25", says: "an ADMIN has all that is licensed, an AGENT nothing" };
const GRANTS: Promise = Promise { rule: "R35a", says: "a grant is of an object or a prefix, and of an action or `*`" };
const GROUPS: Promise = Promise { rule: "R39", says: "members hold what their group holds" };
const UNION: Promise = Promise { rule: "R41", says: "all sources add up, and a denial from any of them wins" };
const STRANGERS: Promise = Promise { rule: "R42", says: "who is unknown, disabled or holds nothing is denied" };

/// The questions about each promise, to the tenant of [`tenant::state`].
const ASKED: [(Promise, &[Question]); 8] = [
    (
        LICENCE,
        &[
            may_not("ada", "read", "shop"),
            may_not("ada", "edit", "shop/orders/one"),
            may_not("max", "read", "shop/orders"),
            may_not("hal", "read", "shop/orders/one"),
        ],
    ),
    (
        MASKS,
        &[
            may_not("una", "unmask", "data/contacts"),
            may("ann", "unmask", "data/contacts"),
            may_not("ann", "read", "data/contacts"),
        ],
    ),
    (
        PROFILES,
        &[
            may("una", "read", "desk/tickets"),
            may("una", "edit", "desk/tickets/one"),
            may_not("una", "read", "desk/tickets/two"),
            may_not("una", "delete", "desk/tickets/one"),
            may_not("una", "read", "desk/lines"),
        ],
    ),
    (
        ROLES,
        &[
            may("ada", "read", "desk"),
            may("ada", "delete", "desk/tickets/any"),
            may("ada", "escalate", "desk/lines"),
            may("ada", "edit", "admin/users"),
            may("max", "edit", "desk/lines"),
            may_not("max", "edit", "admin/users"),
            may_not("ann", "read", "desk"),
            may_not("ann", "read", "desk/tickets/any"),
            may("sid", "read", "admin/decisions"),
            may_not("sid", "read", "admin/users"),
        ],
    ),
    (
        GRANTS,
        &[
            may("hal", "read", "desk/tickets/any"),
            may("hal", "read", "desk/tickets/any/part"),
            may_not("hal", "read", "desk/tickets"),
            may_not("hal", "read", "desk/ticketsoffice"),
            may_not("hal", "edit", "desk/tickets/any"),
            may("hal", "edit", "desk/tickets/open"),
            may("hal", "escalate", "desk/tickets/open"),
            may_not("hal", "edit", "desk/tickets/open/part"),
        ],
    ),
    (GROUPS, &[may("gus", "read", "desk/tickets/any"), may("gus", "edit", "desk/lines")]),
    (
        UNION,
        &[
            may_not("hal", "read", "desk/tickets/closed"),
            may_not("gus", "read", "desk/tickets/closed"),
            may("gus", "escalate", "desk/tickets/open"),
            may("two", "read", "desk/tickets/any"),
            may("two", "print", "desk/tickets/any"),
            may_not("two", "read", "desk/tickets/open"),
            may_not("two", "edit", "desk/tickets/open"),
        ],
    ),
    (
        STRANGERS,
        &[
            may_not("nobody", "read", "desk/tickets/any"),
            may_not("nobody", "read", "anything/at/all"),
            may_not("nobody", "unmask", "data/contacts"),
            may_not("off", "read", "desk/tickets/any"),
            may_not("ann", "read", "anything/at/all"),
        ],
    ),
];

/// Checks that decisions by this plan keep the promises of the platform.
///
/// # Errors
/// `INVALID`, with each promise that would be broken and how.
pub fn check(plan: &Plan) -> Result<()> {
    let (catalogue, state) = tenant::state()?;
    let rules = compile(&catalogue, &state)?;
    let snapshot = Snapshot::build(&Arc::new(plan.clone()), &state.key, 1, rules.keys());
    let mut broken = Vec::new();
    for (promise, questions) in &ASKED {
        for question in *questions {
            if answer(&snapshot, question)? != question.allowed {
                broken.push(told(promise, question));
                break;
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("the model is refused: it breaks what the platform promises: {}", broken.join("; "))))
}

fn answer(snapshot: &Snapshot, question: &Question) -> Result<bool> {
    let subject = Subject::parse(&format!("user:{}", question.subject))?;
    let (object, action) = (Object::parse(question.object)?, Action::parse(question.action)?);
    Ok(snapshot.decide(&subject, &object, &action).allowed)
}

fn told(promise: &Promise, question: &Question) -> String {
    let Question { subject, action, object, allowed } = question;
    let would = if *allowed { "could not" } else { "could" };
    format!("{}, {} (by it, `{subject}` {would} {action} `{object}`)", promise.rule, promise.says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MODEL;

    /// Returns the promises that the built-in model breaks with one piece of its text replaced.
    fn broken(from: &str, to: &str) -> Vec<&'static str> {
        assert!(MODEL.contains(from), "{from}");
        let plan = Plan::from_model(&MODEL.replace(from, to)).unwrap();
        let told = check(&plan).map_or_else(|error| error.to_string(), |()| String::new());
        let promises =
            ASKED.iter().filter(|(promise, _)| told.contains(&format!("{}, {}", promise.rule, promise.says)));
        promises.map(|(promise, _)| promise.rule).collect()
    }

    const EFFECT: &str = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";

    #[test]
    fn the_built_in_model_keeps_every_promise() {
        check(&Plan::from_model(MODEL).unwrap()).unwrap();
    }

    #[test]
    fn a_model_that_allows_what_nothing_denies_is_refused() {
        assert_eq!(broken(EFFECT, "!some(where (p.eft == deny))"), ["R20", "R11", "R25", "R35a", "R42"]);
    }

    #[test]
    fn a_model_that_passes_over_denials_is_refused() {
        assert_eq!(broken(EFFECT, "some(where (p.eft == allow))"), ["R2", "R20", "R41"]);
    }

    #[test]
    fn a_model_that_cannot_hold_a_denial_is_refused() {
        assert_eq!(broken("act, eft", "act"), ["R2", "R20", "R41"]);
    }

    #[test]
    fn a_model_without_the_star_of_actions_is_refused() {
        let plain = broken("(r.act == p.act || p.act == \"*\")", "r.act == p.act");
        assert_eq!(plain, ["R2", "R25", "R35a", "R41"]);
    }

    #[test]
    fn a_model_without_prefixes_of_objects_is_refused() {
        let plain = broken("keyMatch(r.obj, p.obj)", "r.obj == p.obj");
        assert_eq!(plain, ["R20", "R25", "R35a", "R39", "R41"]);
    }

    #[test]
    fn the_same_model_in_other_words_is_served() {
        assert!(broken("r.act == p.act || p.act == \"*\"", "p.act == \"*\" || p.act == r.act").is_empty());
        let renamed = MODEL.replace("obj", "thing").replace("dom", "org");
        check(&Plan::from_model(&renamed).unwrap()).unwrap();
    }
}
