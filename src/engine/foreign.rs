//! Models of other Casbin systems, as far as bringing in their policies needs: which column of a
//! line holds what, how its object and its action are compared with the request's, and what several
//! lines that match come to. A model that says more is refused with the term that does.

use std::collections::BTreeSet;

use casbin::{Assertion, DefaultModel, Model as _};

use super::expression::{self, Expression, Operand};
use super::layout;
use super::patterns::{Function, Pattern};
use super::plan::PlanError;

/// The most bytes of a model.
pub const MODEL_MAX: usize = 16 * 1024;
/// The most parentheses, and negations, of a matcher: each may stand in another.
const NESTED_MAX: usize = 200;
/// The names of fields that hold the action.
const ACTIONS: [&str; 5] = ["act", "action", "method", "verb", "permission"];
/// The names of fields that hold the subject.
const SUBJECTS: [&str; 4] = ["sub", "subject", "user", "role"];
/// The names of fields that hold the domain.
const DOMAINS: [&str; 4] = ["dom", "domain", "tenant", "org"];

/// The content of a column of a `p` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A user or a role.
    Subject,
    /// The domain.
    Domain,
    /// The object.
    Object,
    /// The action.
    Action,
    /// `allow` or `deny`.
    Effect,
    /// A number: the line with the lowest one decides.
    Priority,
    /// Something that no request is compared with.
    Unused,
}

/// A way in which a value of a line is compared with the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// `==`
    Equal,
    /// `*` stands for all.
    Star,
    /// `keyMatch`
    KeyMatch,
    /// `keyMatch2`: `:name` stands for a segment.
    Colon,
    /// `keyMatch3` and its kin: `{name}` stands for a segment.
    Brace,
    /// `globMatch`
    Glob,
    /// `regexMatch`
    Regex,
    /// `g` or its kin: groups of objects or of actions.
    Roles,
}

/// The effect of several lines that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combined {
    /// Some allow and none denies.
    DenyWins,
    /// Some allow, whatever others deny.
    AllowWins,
    /// The first line that matches decides, in the order of the file or of its priorities.
    FirstWins,
    /// The line of the subject that is the furthest below decides, and of several the first.
    NearestWins,
}

/// A text of a line, compiled for all ways in which it is compared.
pub struct TextPattern(Vec<Pattern>);

impl TextPattern {
    /// Compiles a text; `None` if casbin could not, or if this program does not know for sure how it would.
    pub fn compile(by: &BTreeSet<By>, text: &str) -> Option<Self> {
        let one = |by: &By| match by {
            By::Star if text == "*" => Some(Pattern::Start(String::new())),
            By::Equal | By::Roles | By::Star => Some(Pattern::Exactly(text.to_owned())),
            By::KeyMatch => Function::KeyMatch.compile(text).ok(),
            By::Colon => Function::KeyMatch2.compile(text).ok(),
            By::Brace => Function::KeyMatch2.compile(&with_colons(text)?).ok(),
            By::Glob => Function::Glob.compile(text).ok(),
            By::Regex => Function::Regex.compile(text).ok(),
        };
        by.iter().map(one).collect::<Option<_>>().map(Self)
    }

    /// Returns `true` if a request's value matches.
    pub fn matches(&self, value: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(value))
    }
}

/// Returns a pattern of `keyMatch3`, `keyMatch4` and `keyMatch5` as one of `keyMatch2`. They differ on a name that stands
/// in it twice, and on a query.
fn with_colons(text: &str) -> Option<String> {
    let mut names = BTreeSet::new();
    let mut segment = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => (!name.is_empty() && !name.contains(['{', '}', '*']) && names.insert(name.to_owned()))
            .then(|| ":name".to_owned()),
        None => (!segment.contains(['{', '}', ':', '?'])).then(|| segment.to_owned()),
    };
    let segments: Option<Vec<String>> = text.split('/').map(&mut segment).collect();
    segments.map(|segments| segments.join("/"))
}

/// The lines that say which values a value stands for beside itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLines {
    /// The kind of the lines: `g`, `g2`, …
    pub kind: String,
    /// Number of columns behind the kind.
    pub columns: usize,
    /// `true` if a value stands for what it holds, as in `g(p.act, r.act)`, and not for its members.
    pub holders: bool,
}

/// The objects that a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that its column names.
    Column,
    /// All, because no term looks at the request's.
    All,
    /// The only one, because requests have none.
    Single,
}

/// A model whose policies can be brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignModel {
    /// The kind of the lines with permissions: `p`, or `p2` and so on if another one was asked for.
    pub policy: String,
    /// The columns of such a line behind its kind.
    pub columns: Vec<Column>,
    /// Roles of subjects, if the matcher asks for some.
    pub roles: Option<RoleLines>,
    /// Groups of objects, if the matcher asks for some.
    pub object_roles: Option<RoleLines>,
    /// Groups of actions, if the matcher asks for some.
    pub action_roles: Option<RoleLines>,
    /// The kinds of lines that the model defines and no decision by this matcher depends on.
    pub idle: BTreeSet<String>,
    /// `true` if the domain of a line is a pattern of `keyMatch`.
    pub has_domain_patterns: bool,
    /// The objects that a line is about.
    pub scope: Scope,
    /// Ways in which objects are compared.
    pub objects: BTreeSet<By>,
    /// Ways in which actions are compared; none if the matcher asks for no action.
    pub actions: BTreeSet<By>,
    /// Effect of several lines that match.
    pub combined: Combined,
    /// Users who may do everything, whatever lines say.
    pub superusers: Vec<String>,
}

impl ForeignModel {
    /// Reads the model of this text through casbin: the definitions `r`, `p`, `e` and `m`, or those with the number of
    /// another kind of policy, such as `p2`.
    pub fn read(text: &str, policy_type: Option<&str>) -> Result<Self, PlanError> {
        let model = layout::read(text)?;
        let kind = policy_type.unwrap_or("p");
        let number = kind.get(1..).unwrap_or_default();
        let chosen = Chosen { model: &model, number };
        let matcher = chosen.only("m")?.value.clone();
        if matcher.matches(['(', '[', '!']).count() > NESTED_MAX {
            return Err(PlanError::UnknownTerm(matcher.chars().take(100).collect()));
        }
        let (request, policy) = (chosen.or_first("r")?.tokens.clone(), chosen.only("p")?.tokens.clone());
        let effect = chosen.or_first("e")?.value.clone();
        let fields = Fields { request: &request, policy: &policy };
        let (main, superusers) = fields.superusers(&matcher)?;
        let term = |text: &str| fields.term(text).ok_or_else(|| PlanError::UnknownTerm(text.to_owned()));
        let mut terms = expression::terms(main).into_iter().map(term).collect::<Result<Vec<_>, _>>()?;
        let parts = MatcherParts::take(&mut terms, &fields)?;
        let lines = |term: Option<&Term>| role_lines(&model, term);
        let (roles, object_roles, action_roles) =
            (lines(Some(&parts.subject))?, lines(parts.object.as_ref())?, lines(parts.action.as_ref())?);
        let subject = parts.subject.request;
        let asked: Vec<&str> =
            [&roles, &object_roles, &action_roles].into_iter().flatten().map(|lines| lines.kind.as_str()).collect();
        let read = Self {
            columns: parts.columns(&policy),
            idle: kinds(&model, "g", &asked).chain(kinds(&model, "p", &[kind])).collect(),
            policy: kind.to_owned(),
            has_domain_patterns: parts.domain.as_ref().is_some_and(|term| term.by.contains(&By::KeyMatch)),
            scope: parts.scope(&request),
            objects: parts.object.map(|term| term.by).unwrap_or_default(),
            actions: parts.action.map(|term| term.by).unwrap_or_default(),
            combined: combined(&effect)?,
            superusers: superusers.iter().map(|(_, name)| (*name).to_owned()).collect(),
            roles,
            object_roles,
            action_roles,
        };
        if superusers.iter().any(|(place, _)| *place != subject) || !read.allows_superusers() {
            return Err(PlanError::UnknownTerm(matcher));
        }
        if read.combined == Combined::NearestWins && !read.has_levels(&policy) {
            return Err(PlanError::UnknownEffect(effect));
        }
        Ok(read)
    }

    /// Returns `true` if the matcher asks for roles of any kind.
    pub fn asks_roles(&self) -> bool {
        [&self.roles, &self.object_roles, &self.action_roles].into_iter().any(Option::is_some)
    }

    /// Returns `true` if a user who may do everything, if there is one, could be denied nothing.
    fn allows_superusers(&self) -> bool {
        self.superusers.is_empty() || (self.combined == Combined::AllowWins && !self.columns.contains(&Column::Effect))
    }

    /// Returns `true` if Casbin finds the levels of the subjects: it looks for them in the first column, and for their
    /// domain in the one named `dom`.
    fn has_levels(&self, policy: &[String]) -> bool {
        let domain = self.columns.iter().position(|column| *column == Column::Domain);
        self.columns.first() == Some(&Column::Subject)
            && match (domain.and_then(|at| policy.get(at)), self.roles.as_ref().map(|roles| roles.columns)) {
                (Some(name), Some(3)) => name == "p_dom" && self.policy == "p",
                (None, Some(2)) => true,
                _ => false,
            }
    }

    /// Returns `true` if the model's lines name a domain.
    pub fn has_domain(&self) -> bool {
        self.columns.contains(&Column::Domain)
    }
}

/// The definitions that belong to one kind of policy.
struct Chosen<'m> {
    model: &'m DefaultModel,
    /// What stands behind the letter: nothing, `2`, …
    number: &'m str,
}

impl<'m> Chosen<'m> {
    /// Returns the definition of this number.
    fn only(&self, kind: &'static str) -> Result<&'m Assertion, PlanError> {
        self.get(kind, self.number).ok_or(PlanError::MissingDefinition(kind))
    }

    /// Returns the definition of this number, or the one without a number.
    fn or_first(&self, kind: &'static str) -> Result<&'m Assertion, PlanError> {
        self.get(kind, self.number).or_else(|| self.get(kind, "")).ok_or(PlanError::MissingDefinition(kind))
    }

    fn get(&self, kind: &str, number: &str) -> Option<&'m Assertion> {
        self.model.get_model().get(kind)?.get(&format!("{kind}{number}"))
    }
}

/// Returns the kinds of lines that the model defines in this section, but for these.
fn kinds<'m>(model: &'m DefaultModel, section: &str, but: &'m [&str]) -> impl Iterator<Item = String> + 'm {
    let all = model.get_model().get(section).into_iter().flat_map(|all| all.keys());
    all.filter(|kind| !but.contains(&kind.as_str())).cloned()
}

/// Returns the lines that a term asks for by a call of `g` or its kin.
fn role_lines(model: &DefaultModel, term: Option<&Term>) -> Result<Option<RoleLines>, PlanError> {
    let Some((term, call)) = term.and_then(|term| Some((term, term.call.as_ref()?))) else { return Ok(None) };
    let definition = model.get_model().get("g").and_then(|all| all.get(&call.kind));
    let value = definition.map(|definition| definition.value.clone()).ok_or(PlanError::MissingDefinition("g"))?;
    let columns: Vec<&str> = value.split(',').map(str::trim).collect();
    let needed = if call.domain.is_some() { 3 } else { 2 };
    match columns.as_slice() {
        // Lines with a domain are found by none.
        ["_", "_"] | ["_", "_", "_"] if columns.len() != needed => Err(PlanError::UnknownTerm(term.text.clone())),
        ["_", "_"] | ["_", "_", "_"] => {
            Ok(Some(RoleLines { kind: call.kind.clone(), columns: columns.len(), holders: call.holders }))
        }
        _ => Err(PlanError::RoleDefinition(value)),
    }
}

fn combined(expression: &str) -> Result<Combined, PlanError> {
    match expression {
        "some(where (p_eft == allow)) && !some(where (p_eft == deny))" => Ok(Combined::DenyWins),
        "some(where (p_eft == allow))" => Ok(Combined::AllowWins),
        "priority(p_eft) || deny" => Ok(Combined::FirstWins),
        "subjectPriority(p_eft) || deny" => Ok(Combined::NearestWins),
        _ => Err(PlanError::UnknownEffect(expression.to_owned())),
    }
}

/// A comparison of a field of a line with one of the request.
struct Term {
    text: String,
    policy: usize,
    request: usize,
    by: BTreeSet<By>,
    call: Option<RoleCall>,
}

/// A call of `g` or its kin.
struct RoleCall {
    kind: String,
    /// The field of the request that names the domain.
    domain: Option<usize>,
    /// `true` for `g(p.x, r.x)`.
    holders: bool,
}

/// Users for whom a matcher holds without a line, each with the place of the field of the request.
type Superusers<'t> = Vec<(usize, &'t str)>;

/// The fields of the two definitions.
struct Fields<'m> {
    request: &'m [String],
    policy: &'m [String],
}

impl Fields<'_> {
    /// Returns the part of the matcher that looks at lines, and each user for whom it holds without, with the place of
    /// the field of the request: `… || r.sub == "root"`.
    fn superusers<'t>(&self, matcher: &'t str) -> Result<(&'t str, Superusers<'t>), PlanError> {
        let (mut main, mut users) = (None, Vec::new());
        for piece in expression::alternatives(matcher) {
            match expression::read(piece) {
                Some(Expression::Compare { equal: true, one: Operand::Field(field), other: Operand::Text(name) }) => {
                    match Self::place(self.request, Operand::Field(field)) {
                        Some(place) => users.push((place, name)),
                        None if main.is_none() => main = Some(piece),
                        None => return Err(PlanError::UnknownTerm(matcher.to_owned())),
                    }
                }
                _ if main.is_none() => main = Some(piece),
                _ => return Err(PlanError::UnknownTerm(matcher.to_owned())),
            }
        }
        main.map(|main| (main, users)).ok_or_else(|| PlanError::UnknownTerm(matcher.to_owned()))
    }

    fn term(&self, text: &str) -> Option<Term> {
        let expression = expression::read(text)?;
        let new = |(request, policy), by, call| Term { text: text.to_owned(), policy, request, by, call };
        match &expression {
            Expression::Call { name, arguments } if is_roles(name) => {
                let (one, other, domain) = match *arguments.as_slice() {
                    [one, other] => (one, other, None),
                    [one, other, domain] => (one, other, Some(Self::place(self.request, domain)?)),
                    _ => return None,
                };
                let pair = |r, p| Some((Self::place(self.request, r)?, Self::place(self.policy, p)?));
                let (fields, holders) =
                    pair(one, other).map(|it| (it, false)).or_else(|| pair(other, one).map(|it| (it, true)))?;
                let call = RoleCall { kind: (*name).to_owned(), domain, holders };
                Some(new(fields, BTreeSet::from([By::Roles]), Some(call)))
            }
            Expression::Or(either) => {
                let all = either.iter().map(|one| self.compared(one)).collect::<Option<Vec<_>>>()?;
                let request = all.iter().find_map(|(request, ..)| *request)?;
                let policy = all.first()?.1;
                let same = all.iter().all(|(r, p, _)| *p == policy && r.is_none_or(|r| r == request));
                same.then(|| new((request, policy), all.into_iter().map(|(.., by)| by).collect(), None))
            }
            one => {
                let (request, policy, by) = self.compared(one)?;
                Some(new((request?, policy), BTreeSet::from([by]), None))
            }
        }
    }

    /// The field of the request, unless `p.y == "*"` needs none, that of the line, and how they are compared.
    fn compared(&self, expression: &Expression<'_>) -> Option<(Option<usize>, usize, By)> {
        match expression {
            Expression::Compare { equal: true, one, other } => match (*one, *other) {
                (field, Operand::Text("*")) | (Operand::Text("*"), field) => {
                    Some((None, Self::place(self.policy, field)?, By::Star))
                }
                (one, other) => {
                    let pair = |r, p| Some((Self::place(self.request, r)?, Self::place(self.policy, p)?));
                    let (request, policy) = pair(one, other).or_else(|| pair(other, one))?;
                    Some((Some(request), policy, By::Equal))
                }
            },
            Expression::Call { name, arguments } => {
                let by = match *name {
                    "keyMatch" => By::KeyMatch,
                    "keyMatch2" => By::Colon,
                    "keyMatch3" | "keyMatch4" | "keyMatch5" => By::Brace,
                    "globMatch" => By::Glob,
                    "regexMatch" => By::Regex,
                    _ => return None,
                };
                let [request, policy] = *arguments.as_slice() else { return None };
                Some((Some(Self::place(self.request, request)?), Self::place(self.policy, policy)?, by))
            }
            _ => None,
        }
    }

    fn place(fields: &[String], operand: Operand<'_>) -> Option<usize> {
        match operand {
            Operand::Field(name) => fields.iter().position(|field| field == name),
            Operand::Text(_) => None,
        }
    }

    /// Returns `true` if a term's field of the line, or of the request, has one of these names.
    fn of_line(&self, term: &Term, names: &[&str]) -> bool {
        self.policy.get(term.policy).is_some_and(|field| names.contains(&name(field)))
    }

    fn of_request(&self, term: &Term, names: &[&str]) -> bool {
        self.request.get(term.request).is_some_and(|field| names.contains(&name(field)))
    }
}

/// Returns the name of a field without its definition: `sub` of `p2_sub`.
fn name(field: &str) -> &str {
    field.split_once('_').map_or(field, |(_, name)| name)
}

/// Returns `true` for `g`, `g2`, …
fn is_roles(name: &str) -> bool {
    name.strip_prefix('g').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The parts of a matcher: what selects the lines of a subject and a domain, an object and an action.
struct MatcherParts {
    subject: Term,
    domain: Option<Term>,
    object: Option<Term>,
    action: Option<Term>,
}

impl MatcherParts {
    fn take(terms: &mut Vec<Term>, fields: &Fields<'_>) -> Result<Self, PlanError> {
        let plain = |term: &Term| term.by == BTreeSet::from([By::Equal]);
        let members = |term: &Term| term.call.as_ref().is_some_and(|call| !call.holders);
        let named = |term: &Term| fields.of_line(term, &SUBJECTS);
        let is_g = |term: &Term| term.call.as_ref().is_some_and(|call| call.kind == "g");
        let subject = take(terms, |term| plain(term) && named(term) && fields.of_request(term, &SUBJECTS))
            .or_else(|| take(terms, |term| members(term) && named(term)))
            .or_else(|| take(terms, |term| members(term) && is_g(term)))
            .or_else(|| take(terms, |term| plain(term) && named(term)))
            .ok_or(PlanError::MissingTerm("subject"))?;
        if let Some(other) = terms.iter().find(|term| fields.of_request(term, &SUBJECTS)) {
            return Err(PlanError::UnknownTerm(other.text.clone()));
        }
        let called = terms.iter().chain([&subject]).find_map(|term| term.call.as_ref()?.domain);
        let is_domain = |term: &Term| plain(term) || term.by == BTreeSet::from([By::KeyMatch]);
        let domain = match called {
            Some(called) => {
                let tie = take(terms, |term| is_domain(term) && term.request == called);
                Some(tie.ok_or(PlanError::MissingTerm("domain"))?)
            }
            None => take(terms, |term| is_domain(term) && fields.of_line(term, &DOMAINS)),
        };
        let action = take(terms, |term| fields.of_line(term, &ACTIONS))
            .or_else(|| take(terms, |term| fields.of_request(term, &ACTIONS)))
            .or_else(|| {
                // Of two the later, as in `p = sub, obj, act`.
                let last = terms.iter().map(|term| term.policy).max().filter(|_| terms.len() > 1);
                last.and_then(|last| take(terms, |term| term.policy == last))
            });
        let object = take(terms, |term| term.call.is_some()).or_else(|| terms.pop());
        let parts = Self { subject, domain, object, action };
        match terms.first().or_else(|| parts.beyond()) {
            Some(term) => Err(PlanError::UnknownTerm(term.text.clone())),
            None => Ok(parts),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Term> {
        [Some(&self.subject), self.domain.as_ref(), self.object.as_ref(), self.action.as_ref()].into_iter().flatten()
    }

    /// Returns a term that uses a field or lines as another one does already, or in a way that has no equal here.
    fn beyond(&self) -> Option<&Term> {
        let kind = |term: &Term| term.call.as_ref().map(|call| call.kind.clone());
        let (mut policy, mut request, mut kinds) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let twice = self.all().find(|term| {
            let is_new = policy.insert(term.policy) & request.insert(term.request);
            !is_new || kind(term).is_some_and(|kind| !kinds.insert(kind))
        });
        let domain = self.domain.as_ref().map(|term| term.request);
        let of_other = || {
            self.all()
                .find(|term| term.call.as_ref().is_some_and(|call| call.domain.is_some() && call.domain != domain))
        };
        twice.or_else(of_other)
    }

    /// Returns the objects that a line is about.
    fn scope(&self, request: &[String]) -> Scope {
        let asked: BTreeSet<usize> = self.all().map(|term| term.request).collect();
        match self.object {
            Some(_) => Scope::Column,
            None if asked.len() < request.len() => Scope::All,
            None => Scope::Single,
        }
    }

    fn columns(&self, policy: &[String]) -> Vec<Column> {
        let is = |term: &Option<Term>, at| term.as_ref().is_some_and(|term| term.policy == at);
        let column = |(at, field): (usize, &String)| match name(field) {
            "eft" => Column::Effect,
            _ if at == self.subject.policy => Column::Subject,
            _ if is(&self.domain, at) => Column::Domain,
            _ if is(&self.object, at) => Column::Object,
            _ if is(&self.action, at) => Column::Action,
            "priority" => Column::Priority,
            _ => Column::Unused,
        };
        policy.iter().enumerate().map(column).collect()
    }
}

fn take(terms: &mut Vec<Term>, chosen: impl Fn(&Term) -> bool) -> Option<Term> {
    terms.iter().position(chosen).map(|at| terms.remove(at))
}

#[cfg(test)]
mod tests;
