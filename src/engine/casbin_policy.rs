//! Policies of the supported family of Casbin models, as lines of text: `p, alice, data1, read`.
//!
//! The family: a request finds lines by its subject (`==`, or `g` with a domain or without), by its domain and by its
//! object (`==`, `keyMatch`, `keyMatch2`, `globMatch`, `regexMatch`). On the lines found, any further term is compared:
//! the same functions on any field, `*` for all, texts, and whatever casbin's own matcher can evaluate on one line. The
//! effects are Casbin's four. Outside the family are several `r`, `p` or `g`, attributes of objects, functions of other
//! kinds, and matchers in which no term selects lines; those are refused with the term in question.
//!
//! The tenants' own rules go the shorter way of a [`Snapshot`](super::Snapshot), over the same index and the same
//! look-ups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decide::FirstMatches;
use super::index::{Entry, Index, Name};
use super::layout::{Combine, Layout, Rest, Slot};
use super::matcher::{Form, Term};
use super::patterns::{Function, Pattern, Patterns};
use super::permissions::Permission;
use super::plan::PlanError;
use super::residual::Residual;
use super::rules::{RuleId, subject_pieces};
use crate::policy::rule::Effect;

/// The separator of values that are interned as one; no value of a line or request contains it.
const PART: char = '\u{1f}';
/// The suffix of the name of an object that is found by trying it, so that no request finds it by name.
const TRIED: &str = "\u{1f}";

/// Reasons to refuse a policy of lines, or a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The model is not of the family.
    #[error(transparent)]
    Model(#[from] PlanError),
    /// A line of a type that the model does not define.
    #[error("the model does not define lines of type `{0}`")]
    UnknownType(String),
    /// A line or a request with too few values, or too many.
    #[error("`{line}` has {have} values, and the model defines {want}")]
    Columns {
        /// The values of the line or request.
        line: String,
        /// Number of its values.
        have: usize,
        /// Number of values that the model defines.
        want: usize,
    },
    /// A pattern that its function cannot read: casbin would panic on it.
    #[error("`{pattern}` is not a pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The fault in the pattern.
        reason: String,
    },
    /// A value with a control character, or an empty value of a request. Also a value that is not ASCII where one of
    /// casbin's functions, which can panic on it, sees it: in any request, and in the lines of a model with terms that
    /// casbin evaluates.
    #[error("`{0}` cannot be a value here")]
    Value(String),
    /// Casbin could not evaluate a term on a line.
    #[error("casbin: {0}")]
    Casbin(String),
}

/// The answer to a request, with the line that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineVerdict {
    /// `true` if the request is allowed.
    pub allowed: bool,
    /// The values of the `p` line that decided, if one did.
    pub deciding: Option<Vec<String>>,
}

/// A policy of the family, laid out for look-ups. Immutable.
pub struct LinePolicy {
    layout: Layout,
    /// The comparisons on the lines found, in this order.
    checks: Vec<Check>,
    residual: Option<Residual>,
    domains: HashMap<String, Domain>,
}

/// The lines of one domain, or of all when the model has none.
#[derive(Default)]
struct Domain {
    index: Index,
    patterns: Patterns,
    /// The patterns that the checks compare, compiled.
    compiled: HashMap<(Function, String), Pattern>,
}

/// A comparison on a line that was found. Fields are positions in their definitions.
enum Check {
    Equal { request: usize, policy: usize, star: bool },
    Match { function: Function, request: usize, policy: usize },
    RequestIs { request: usize, text: String },
    PolicyIs { policy: usize, text: String },
}

/// A `p` line on its way into the index.
struct Line<'l> {
    values: &'l [String],
    effect: Effect,
    action: String,
    object: (String, &'static str),
}

impl LinePolicy {
    /// Lays out the lines under the model of this text. Each line has its type first:
    /// `["p", "alice", "data1", "read"]`. A line that appears twice counts where it appears last, as in casbin.
    pub fn new(model: &str, lines: &[Vec<String>]) -> Result<Self, LineError> {
        let layout = Layout::read(model)?;
        let (checks, residual) = checks(&layout)?;
        let mut policy = Self { layout, checks, residual, domains: HashMap::new() };
        let mut by_domain: BTreeMap<&str, Vec<(usize, &[String])>> = BTreeMap::new();
        for (place, line) in lines.iter().enumerate() {
            let (domain, line) = policy.checked(line)?;
            by_domain.entry(domain).or_default().push((place, line));
        }
        for (domain, lines) in by_domain {
            let laid_out = policy.lay_out(&lines)?;
            policy.domains.insert(domain.to_owned(), laid_out);
        }
        Ok(policy)
    }

    /// Decides a request, whose values are in the order that the model defines.
    pub fn decide(&self, request: &[&str]) -> Result<LineVerdict, LineError> {
        columns(request, self.layout.request.len())?;
        if let Some(value) = request.iter().find(|value| value.is_empty() || !value.is_ascii() || has_control(value)) {
            return Err(LineError::Value((*value).to_owned()));
        }
        let Some(domain) = self.domains.get(self.layout.domain.map_or("", |at| at_place(request, at))) else {
            return Ok(LineVerdict {
                allowed: self.layout.combine.verdict(FirstMatches::default()).allowed,
                deciding: None,
            });
        };
        let mut found = FirstMatches::default();
        let mut failed = None;
        let wanted = match self.layout.rest {
            Rest::Action { request: at, .. } => domain.index.actions.find(at_place(request, at), ""),
            Rest::Terms(_) => None,
        };
        self.visit(domain, request, &mut |id, permission: &Permission| {
            let holds = match self.layout.rest {
                Rest::Action { star, .. } => Ok(Index::acts(permission, wanted, star)),
                Rest::Terms(_) => self.holds(domain, request, &id),
            };
            match holds {
                Ok(true) => found.note(id, permission.effect, |one, other| self.before(domain, one, other)),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        });
        if let Some(error) = failed {
            return Err(LineError::Casbin(error.to_string()));
        }
        let verdict = self.layout.combine.verdict(found);
        let line = |id: RuleId| self.values(domain, at_place(request, self.layout.domain.unwrap_or(usize::MAX)), &id);
        let deciding = verdict.deciding.map(|id| line(id).into_iter().map(str::to_owned).collect());
        Ok(LineVerdict { allowed: verdict.allowed, deciding })
    }

    /// Visits every line that the keys select for the request. A line can come several times.
    fn visit(&self, domain: &Domain, request: &[&str], on: &mut impl FnMut(RuleId, &Permission)) {
        let subject = self.layout.subject.as_ref().map_or("", |key| at_place(request, key.request));
        let Some(subject) = domain.index.subject(subject_pieces(subject)) else { return };
        let object = self.layout.object.as_ref().map_or("", |key| at_place(request, key.request));
        domain.index.visit(self.layout.prefixes(), subject, object, &mut *on);
        for tried in domain.patterns.matching(object) {
            domain.index.visit_on(subject, tried, on);
        }
    }

    /// Returns whether all further terms hold for the request and a line that was found.
    fn holds(&self, domain: &Domain, request: &[&str], id: &RuleId) -> casbin::Result<bool> {
        let line = self.values(domain, at_place(request, self.layout.domain.unwrap_or(usize::MAX)), id);
        let check = |check: &Check| match check {
            Check::Equal { request: key, policy, star } => {
                let value = at_place(&line, *policy);
                value == at_place(request, *key) || (*star && value == "*")
            }
            Check::Match { function, request: key, policy } => {
                let pattern = domain.compiled.get(&(*function, at_place(&line, *policy).to_owned()));
                pattern.is_some_and(|pattern| pattern.matches(at_place(request, *key)))
            }
            Check::RequestIs { request: key, text } => at_place(request, *key) == text,
            Check::PolicyIs { policy, text } => at_place(&line, *policy) == text,
        };
        if !self.checks.iter().all(check) {
            return Ok(false);
        }
        self.residual.as_ref().map_or(Ok(true), |residual| residual.holds(request, &line))
    }

    /// Returns whether `one` comes before `other`, both of which match.
    fn before(&self, domain: &Domain, one: &RuleId, other: &RuleId) -> bool {
        match self.layout.combine {
            // There the action begins with the line's place.
            Combine::First => one.permission.action < other.permission.action,
            _ => domain.index.order(one, other).is_lt(),
        }
    }

    /// Returns the values of a `p` line, read back from the index.
    fn values<'d>(&self, domain: &'d Domain, name: &'d str, id: &RuleId) -> Vec<&'d str> {
        let index = &domain.index;
        let action = index.actions.text(id.permission.action).unwrap_or_default();
        let placed = usize::from(self.layout.combine == Combine::First);
        let rest: Vec<&str> = action.split(PART).skip(placed).collect();
        let value = move |slot| match slot {
            Slot::Subject => index.subjects.text(id.subject).unwrap_or_default(),
            Slot::Domain => name,
            Slot::Object => {
                let name = index.objects.text(id.permission.object).unwrap_or_default();
                name.strip_suffix(TRIED).unwrap_or(name)
            }
            Slot::Effect => id.permission.effect.into(),
            Slot::Rest(place) => rest.get(place).copied().unwrap_or_default(),
        };
        self.layout.policy.iter().map(|field| value(field.slot)).collect()
    }

    /// Returns the domain of a line, and the line, if the model can hold it.
    fn checked<'l>(&self, line: &'l [String]) -> Result<(&'l str, &'l [String]), LineError> {
        let (kind, values) = line.split_first().ok_or_else(|| LineError::UnknownType(String::new()))?;
        let (want, domain) = match (kind.as_str(), self.layout.role_columns) {
            ("p", _) => (self.layout.policy.len(), self.place(Slot::Domain)),
            ("g", Some(want)) => (want, self.layout.domain.map(|_| 2)),
            _ => return Err(LineError::UnknownType(kind.clone())),
        };
        // casbin ignores the columns behind a link.
        columns(if kind == "g" { values.get(..want).unwrap_or(values) } else { values }, want)?;
        let unsafe_value = |value: &&String| has_control(value) || (self.residual.is_some() && !value.is_ascii());
        if let Some(value) = values.iter().find(unsafe_value) {
            return Err(LineError::Value(value.clone()));
        }
        Ok((domain.map_or("", |at| at_place(values, at)), line))
    }

    /// Returns the position at which a `p` line holds the value for this slot.
    fn place(&self, slot: Slot) -> Option<usize> {
        self.layout.policy.iter().position(|field| field.slot == slot)
    }

    /// Lays out the lines of one domain, each with its place in the policy.
    fn lay_out(&self, lines: &[(usize, &[String])]) -> Result<Domain, LineError> {
        let last: HashMap<&[String], usize> = lines.iter().map(|(place, line)| (*line, *place)).collect();
        let mut domain = Domain::default();
        let (mut permissions, mut links) = (Vec::new(), Vec::new());
        for (place, line) in lines.iter().filter(|(place, line)| last.get(line) == Some(place)) {
            match line.split_first() {
                Some((kind, values)) if kind == "p" => permissions.extend(self.line(&mut domain, *place, values)?),
                Some((_, [member, role, ..])) => links.push((member, role)),
                _ => {}
            }
        }
        let entries = permissions.iter().map(|line| self.entry(line));
        // Without a role look-up, no subject holds a role.
        let followed = self.layout.subject.as_ref().is_some_and(|key| key.roles);
        let links = links.into_iter().filter(|_| followed);
        let links =
            links.map(|(member, role)| Entry::Link { member: subject_pieces(member), role: subject_pieces(role) });
        domain.index = Index::default().after(std::iter::empty(), entries.chain(links));
        self.index_patterns(&mut domain, &permissions);
        Ok(domain)
    }

    /// Prepares a `p` line; `None` when its effect is one that never counts.
    fn line<'l>(&self, domain: &mut Domain, place: usize, values: &'l [String]) -> Result<Option<Line<'l>>, LineError> {
        self.compile(domain, values)?;
        let effect = match self.place(Slot::Effect).map(|at| at_place(values, at)) {
            None | Some("allow") => Effect::Allow,
            Some("deny") => Effect::Deny,
            Some(_) => return Ok(None),
        };
        let first = (self.layout.combine == Combine::First).then(|| format!("{place:020}"));
        let fields = self.layout.policy.iter().zip(values);
        let rest = fields.filter(|(field, _)| matches!(field.slot, Slot::Rest(_))).map(|(_, value)| value.clone());
        let action = first.into_iter().chain(rest).collect::<Vec<_>>().join(&PART.to_string());
        let object = self.place(Slot::Object).map_or("", |at| at_place(values, at));
        Ok(Some(Line { values, effect, action, object: self.object_pieces(object) }))
    }

    /// Returns the pieces of an object's name: those by which a request finds it, or some that no request can have.
    fn object_pieces(&self, object: &str) -> (String, &'static str) {
        let function = self.layout.object.as_ref().and_then(|key| key.function);
        let prefix = object.strip_suffix('*').filter(|prefix| prefix.ends_with('/') && !prefix.contains('*'));
        match (function, prefix) {
            (Some(Function::KeyMatch), Some(prefix)) => (prefix.to_owned(), "*"),
            (Some(function), _) if !function.is_plain(object) => (object.to_owned(), TRIED),
            _ => (object.to_owned(), ""),
        }
    }

    fn entry<'l>(&self, line: &'l Line<'_>) -> Entry<'l> {
        let subject = self.place(Slot::Subject).and_then(|at| line.values.get(at)).map_or("", String::as_str);
        let object: Name<'l> = (&line.object.0, line.object.1);
        Entry::Permission { subject: subject_pieces(subject), object, action: &line.action, effect: line.effect }
    }

    /// Adds the objects that are found by trying them.
    fn index_patterns(&self, domain: &mut Domain, lines: &[Line<'_>]) {
        let Some(function) = self.layout.object.as_ref().and_then(|key| key.function) else { return };
        let tried = lines.iter().filter(|line| line.object.1 == TRIED).map(|line| line.object.0.as_str());
        for object in tried.collect::<BTreeSet<&str>>() {
            let pattern = domain.compiled.get(&(function, object.to_owned())).cloned();
            if let Some((number, pattern)) = domain.index.objects.find(object, TRIED).zip(pattern) {
                domain.patterns.add(number, function, object, pattern);
            }
        }
    }

    /// Compiles the patterns of a line, and refuses those that do not compile.
    fn compile(&self, domain: &mut Domain, values: &[String]) -> Result<(), LineError> {
        let object = self.layout.object.as_ref().and_then(|key| key.function).zip(self.place(Slot::Object));
        let of_term = |term: &Term| match &term.form {
            Form::Match { function, policy, .. } => vec![(*function, *policy)],
            Form::Other { patterns } => patterns.clone(),
            _ => Vec::new(),
        };
        for (function, at) in object.into_iter().chain(self.layout.rest.terms().iter().flat_map(of_term)) {
            let pattern = at_place(values, at);
            let compiled = function.compile(pattern);
            let compiled = compiled.map_err(|reason| LineError::Pattern { pattern: pattern.to_owned(), reason })?;
            domain.compiled.insert((function, pattern.to_owned()), compiled);
        }
        Ok(())
    }
}

/// Divides the terms into those compared here and those left to casbin.
fn checks(layout: &Layout) -> Result<(Vec<Check>, Option<Residual>), LineError> {
    let (mut checks, mut others) = (Vec::new(), Vec::new());
    for Term { form, text } in layout.rest.terms() {
        match form.clone() {
            Form::Equal { request, policy } => checks.push(Check::Equal { request, policy, star: false }),
            Form::EqualOrStar { request, policy } => checks.push(Check::Equal { request, policy, star: true }),
            Form::Match { function, request, policy } => checks.push(Check::Match { function, request, policy }),
            Form::RequestIs { request, text } => checks.push(Check::RequestIs { request, text }),
            Form::PolicyIs { policy, text } => checks.push(Check::PolicyIs { policy, text }),
            Form::Role { .. } | Form::Other { .. } => others.push(text.as_str()),
        }
    }
    if others.is_empty() {
        return Ok((checks, None));
    }
    let fields: Vec<&str> = layout.policy.iter().map(|field| field.name.as_str()).collect();
    let residual = Residual::new(&others, &layout.request, &fields);
    let refused = || PlanError::UnknownTerm(others.join(" && "));
    Ok((checks, Some(residual.ok_or_else(refused)?)))
}

fn columns<T: AsRef<str>>(values: &[T], want: usize) -> Result<(), LineError> {
    if values.len() == want {
        return Ok(());
    }
    let line = values.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    Err(LineError::Columns { line, have: values.len(), want })
}

fn has_control(value: &str) -> bool {
    value.contains(char::is_control)
}

/// Returns the value at a position of a line or request, whose length was checked.
fn at_place<T: AsRef<str>>(values: &[T], at: usize) -> &str {
    values.get(at).map_or("", AsRef::as_ref)
}
