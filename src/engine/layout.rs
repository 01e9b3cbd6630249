//! The layout of a model of the supported family: the field that selects lines by the subject's roles, the one for the
//! domain, the one for the object, and the terms left to compare on the lines that those select. It knows nothing of
//! the platform's own rules.
//!
//! A model outside the family is refused with an error that names the reason. A model that has a layout is decided
//! exactly as casbin's Enforcer decides it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use casbin::{Assertion, DefaultModel, Model};

use super::matcher::{self, Form, Term};
use super::patterns::Function;
use super::plan::PlanError;

/// The name under which casbin itself finds the effect field.
const EFFECT_FIELD: &str = "p_eft";

/// The rule that makes the answer from the effects of the matching lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Combine {
    /// `some(where (p.eft == allow)) && !some(where (p.eft == deny))`
    SomeAllowAndNoDeny,
    /// `some(where (p.eft == allow))`
    SomeAllow,
    /// `!some(where (p.eft == deny))`
    NoDeny,
    /// `priority(p.eft) || deny`: the first line that matches, in the order of the policy
    First,
}

/// A model of the family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The fields of a request, as casbin names them.
    pub(super) request: Vec<String>,
    /// The fields of a `p` line.
    pub(super) policy: Vec<Field>,
    pub(super) subject: Option<SubjectKey>,
    /// The field of the request that holds the domain of the role look-up.
    pub(super) domain: Option<usize>,
    pub(super) object: Option<ObjectKey>,
    pub(super) rest: Rest,
    pub(super) combine: Combine,
    /// Number of columns of a `g` line; `None` when the model defines no roles.
    pub(super) role_columns: Option<usize>,
}

/// A field of a `p` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// The name that casbin gives it: `p_sub`.
    pub(super) name: String,
    pub(super) slot: Slot,
}

/// The part that a field of a `p` line plays in look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Subject,
    Domain,
    Object,
    Effect,
    /// A field that selects nothing, by its place among such fields.
    Rest(usize),
}

/// The request field that selects lines, directly or through roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SubjectKey {
    pub(super) request: usize,
    pub(super) roles: bool,
}

/// The request field that selects lines next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectKey {
    pub(super) request: usize,
    /// The function that matches it; `None` for an equality.
    pub(super) function: Option<Function>,
    pub(super) text: String,
}

/// The conditions left for a line that the keys select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// One field left: it equals the request's, or is `*` where that stands for all.
    Action { request: usize, star: bool, text: String },
    /// All of these terms must hold.
    Terms(Vec<Term>),
}

impl Layout {
    /// Reads a model from its text.
    pub(super) fn read(text: &str) -> Result<Self, PlanError> {
        let model = read(text)?;
        let request = definition(&model, "r")?.tokens.clone();
        let policy = &definition(&model, "p")?.tokens;
        let combine = Combine::read(&definition(&model, "e")?.value)?;
        let role_columns = role_columns(&model)?;
        let matcher = &definition(&model, "m")?.value;
        let mut terms = matcher::terms(matcher, &request, policy)?;
        let keys = Keys::take(&mut terms, policy, role_columns)?;
        if !keys.select() {
            return Err(PlanError::NoUsableTerm(matcher.clone()));
        }
        let fields = keys.fields(policy);
        let rest = Rest::of(terms, &fields, combine);
        Ok(Self {
            request,
            policy: fields,
            subject: keys.subject.map(|(key, _)| key),
            domain: keys.domain.map(|(request, _)| request),
            object: keys.object.map(|(key, _)| key),
            rest,
            combine,
            role_columns,
        })
    }

    /// Returns whether a line's object `a/b/*` stands for everything below `a/b`.
    pub(super) fn prefixes(&self) -> bool {
        self.object.as_ref().is_some_and(|key| key.function == Some(Function::KeyMatch))
    }
}

/// The terms that select lines, each with the field of the `p` line that it uses.
#[derive(Default)]
struct Keys {
    subject: Option<(SubjectKey, usize)>,
    domain: Option<(usize, usize)>,
    object: Option<(ObjectKey, usize)>,
}

impl Keys {
    /// Moves the terms that select lines out of `terms`.
    fn take(terms: &mut Vec<Term>, policy: &[String], role_columns: Option<usize>) -> Result<Self, PlanError> {
        let mut keys = Self::default();
        let is_role = |term: &Term| matches!(term.form, Form::Role { .. });
        if let Some(Term { form: Form::Role { request, policy: field, domain }, text }) = take(terms, is_role) {
            if role_columns != Some(if domain.is_some() { 3 } else { 2 }) {
                return Err(PlanError::UnknownTerm(text));
            }
            keys.subject = Some((SubjectKey { request, roles: true }, field));
            if let Some(domain) = domain {
                let ties = |term: &Term| match term.form {
                    Form::Equal { request, policy: at } => {
                        request == domain && at != field && policy.get(at).is_some_and(|name| name != EFFECT_FIELD)
                    }
                    _ => false,
                };
                let tie = take(terms, ties).ok_or(PlanError::MissingTerm("domain"))?;
                keys.domain = tie.equal().map(|field| (domain, field));
            }
        } else {
            let named = |term: &Term| term.equal().and_then(|at| policy.get(at)).is_some_and(|field| field == "p_sub");
            if let Some(Term { form: Form::Equal { request, policy: field }, .. }) = take(terms, named) {
                keys.subject = Some((SubjectKey { request, roles: false }, field));
            }
        }
        if let Some(second) = terms.iter().find(|term| is_role(term)) {
            return Err(PlanError::UnknownTerm(second.text.clone()));
        }
        keys.object = keys.object(terms, policy);
        Ok(keys)
    }

    /// Takes the term that selects best among those left.
    fn object(&self, terms: &mut Vec<Term>, policy: &[String]) -> Option<(ObjectKey, usize)> {
        let free = |field: usize| {
            let taken = [self.subject.as_ref().map(|key| key.1), self.domain.map(|key| key.1)];
            !taken.contains(&Some(field)) && policy.get(field).is_some_and(|name| name != EFFECT_FIELD)
        };
        let cost = |term: &Term| match term.form {
            Form::Equal { policy: field, .. } | Form::Match { policy: field, .. } if !free(field) => None,
            Form::Equal { policy: field, .. } | Form::Match { policy: field, .. }
                if policy.get(field).is_some_and(|name| name == "p_obj") =>
            {
                Some(0)
            }
            Form::Equal { .. } => Some(1),
            Form::Match { function: Function::Regex, .. } => Some(4),
            Form::Match { function: Function::KeyMatch, .. } => Some(2),
            Form::Match { .. } => Some(3),
            _ => None,
        };
        let costs = terms.iter().enumerate().filter_map(|(at, term)| Some((cost(term)?, at)));
        let term = terms.remove(costs.min()?.1);
        match term.form {
            Form::Equal { request, policy } => Some((ObjectKey { request, function: None, text: term.text }, policy)),
            Form::Match { function, request, policy } => {
                Some((ObjectKey { request, function: Some(function), text: term.text }, policy))
            }
            _ => None,
        }
    }

    /// Returns whether the keys find less than all lines, and nothing where there are no lines. A regular expression
    /// alone does neither.
    fn select(&self) -> bool {
        let by_object = self.object.as_ref().is_some_and(|(key, _)| key.function != Some(Function::Regex));
        self.subject.is_some() || by_object
    }

    fn fields(&self, policy: &[String]) -> Vec<Field> {
        let mut rest = 0;
        let slot = |(at, name): (usize, &String)| {
            let slot = match Some(at) {
                _ if name == EFFECT_FIELD => Slot::Effect,
                it if it == self.subject.as_ref().map(|key| key.1) => Slot::Subject,
                it if it == self.domain.map(|key| key.1) => Slot::Domain,
                it if it == self.object.as_ref().map(|key| key.1) => Slot::Object,
                _ => {
                    rest += 1;
                    Slot::Rest(rest - 1)
                }
            };
            Field { name: name.clone(), slot }
        };
        policy.iter().enumerate().map(slot).collect()
    }
}

impl Term {
    /// Returns the policy field of an equality.
    fn equal(&self) -> Option<usize> {
        match self.form {
            Form::Equal { policy, .. } => Some(policy),
            _ => None,
        }
    }
}

impl Rest {
    /// Returns the terms, or none if a single one is left for which the index has a look-up of its own.
    pub(super) fn terms(&self) -> &[Term] {
        match self {
            Self::Action { .. } => &[],
            Self::Terms(terms) => terms,
        }
    }

    fn of(terms: Vec<Term>, fields: &[Field], combine: Combine) -> Self {
        let slots = fields.iter().filter(|field| matches!(field.slot, Slot::Rest(_))).count();
        let single = |policy: usize| {
            slots == 1
                && combine != Combine::First
                && fields.get(policy).is_some_and(|field| field.slot == Slot::Rest(0))
        };
        match terms.as_slice() {
            [Term { form: Form::Equal { request, policy }, text }] if single(*policy) => {
                Self::Action { request: *request, star: false, text: text.clone() }
            }
            [Term { form: Form::EqualOrStar { request, policy }, text }] if single(*policy) => {
                Self::Action { request: *request, star: true, text: text.clone() }
            }
            _ => Self::Terms(terms),
        }
    }
}

impl Combine {
    fn read(expression: &str) -> Result<Self, PlanError> {
        // To the letter, as casbin compares them: it panics on any other.
        match expression {
            "some(where (p_eft == allow)) && !some(where (p_eft == deny))" => Ok(Self::SomeAllowAndNoDeny),
            "some(where (p_eft == allow))" => Ok(Self::SomeAllow),
            "!some(where (p_eft == deny))" => Ok(Self::NoDeny),
            "priority(p_eft) || deny" => Ok(Self::First),
            _ => Err(PlanError::UnknownEffect(expression.to_owned())),
        }
    }
}

/// Takes the first term that is `chosen` out of `terms`.
fn take(terms: &mut Vec<Term>, chosen: impl Fn(&Term) -> bool) -> Option<Term> {
    terms.iter().position(chosen).map(|at| terms.remove(at))
}

/// Returns the number of columns of the role definition: member, role and possibly a domain.
fn role_columns(model: &DefaultModel) -> Result<Option<usize>, PlanError> {
    if !model.get_model().contains_key("g") {
        return Ok(None);
    }
    let role = &definition(model, "g")?.value;
    let columns: Vec<&str> = role.split(',').map(str::trim).collect();
    match columns.as_slice() {
        ["_", "_"] | ["_", "_", "_"] => Ok(Some(columns.len())),
        _ => Err(PlanError::RoleDefinition(role.clone())),
    }
}

/// Reads the text through casbin.
pub(super) fn read(text: &str) -> Result<DefaultModel, PlanError> {
    match at_once(DefaultModel::from_str(text)) {
        Some(model) => model.map_err(|error| PlanError::Unreadable(error.to_string())),
        None => Err(PlanError::Unreadable("it waits for more text".to_owned())),
    }
}

/// Returns the result of one of casbin's async functions with a single poll. They are async for the sake of files and
/// databases; over what is in memory they never wait.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Returns the only definition of its kind: `r`, `p`, `g`, `e` or `m`.
fn definition<'m>(model: &'m DefaultModel, kind: &'static str) -> Result<&'m Assertion, PlanError> {
    let definitions = model.get_model().get(kind).ok_or(PlanError::MissingDefinition(kind))?;
    match definitions.keys().find(|key| *key != kind) {
        Some(other) => Err(PlanError::SeveralDefinitions(other.clone())),
        None => definitions.get(kind).ok_or(PlanError::MissingDefinition(kind)),
    }
}
