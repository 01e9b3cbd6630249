//! Models of other Casbin systems, as far as bringing in their policies needs: which column of a
//! line holds what, how its object and its action are compared with the request's, and what several
//! lines that match come to. A model that says more is refused with the term that does.

use std::collections::BTreeSet;

use casbin::{DefaultModel, Model as _};

use super::expression::{self, Expression, Operand};
use super::layout;
use super::plan::PlanError;

/// The most bytes of a model.
pub const MODEL_MAX: usize = 16 * 1024;
/// The most parentheses, and negations, of a matcher: each may stand in another.
const NESTED_MAX: usize = 200;
/// The names of fields that hold the action.
const ACTIONS: [&str; 5] = ["p_act", "p_action", "p_method", "p_verb", "p_permission"];
/// The names of fields that hold the subject.
const SUBJECTS: [&str; 4] = ["p_sub", "p_subject", "p_user", "p_role"];
/// The names of fields that hold the domain.
const DOMAINS: [&str; 4] = ["p_dom", "p_domain", "p_tenant", "p_org"];

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
    /// Something that no request is compared with.
    Unused,
}

/// A way in which a value of a line is compared with the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// `g2`: roles of objects.
    Roles,
}

/// The effect of several lines that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combined {
    /// Some allow and none denies.
    DenyWins,
    /// Some allow, whatever others deny.
    AllowWins,
    /// The first line, or the nearest subject, decides.
    FirstWins,
}

/// A model whose policies can be brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignModel {
    /// The columns of a `p` line behind its kind.
    pub columns: Vec<Column>,
    /// Number of columns of a `g` line behind its kind; `None` when the model defines no roles.
    pub role_columns: Option<usize>,
    /// Number of columns of a `g2` line behind its kind; `None` when the model compares no objects by `g2`.
    pub object_role_columns: Option<usize>,
    /// Ways in which objects are compared.
    pub objects: BTreeSet<By>,
    /// Ways in which actions are compared.
    pub actions: BTreeSet<By>,
    /// Effect of several lines that match.
    pub combined: Combined,
}

impl ForeignModel {
    /// Reads the model of this text through casbin.
    pub fn read(text: &str) -> Result<Self, PlanError> {
        let model = layout::read(text)?;
        let matcher = definition(&model, "m")?;
        if matcher.matches(['(', '[', '!']).count() > NESTED_MAX {
            return Err(PlanError::UnknownTerm(matcher.chars().take(100).collect()));
        }
        let tokens = |kind| model.get_model().get(kind).and_then(|all| all.get(kind)).map(|it| it.tokens.clone());
        let request = tokens("r").ok_or(PlanError::MissingDefinition("r"))?;
        let policy = tokens("p").ok_or(PlanError::MissingDefinition("p"))?;
        let fields = Fields { request: &request, policy: &policy };
        let term = |text: &str| fields.term(text).ok_or_else(|| PlanError::UnknownTerm(text.to_owned()));
        let mut terms = expression::terms(&matcher).into_iter().map(term).collect::<Result<Vec<_>, _>>()?;
        let parts = MatcherParts::take(&mut terms, &policy)?;
        let roles = |kind| role_columns(&model, kind);
        let by_roles = parts.object.by.contains(&By::Roles);
        Ok(Self {
            columns: parts.columns(&policy),
            role_columns: if parts.has_roles { roles("g")? } else { None },
            object_role_columns: if by_roles { roles("g2")? } else { None },
            combined: combined(&definition(&model, "e")?)?,
            objects: parts.object.by,
            actions: parts.action.by,
        })
    }

    /// Returns `true` if the model's lines name a domain.
    pub fn has_domain(&self) -> bool {
        self.columns.contains(&Column::Domain)
    }
}

fn definition(model: &DefaultModel, kind: &'static str) -> Result<String, PlanError> {
    let definition = model.get_model().get(kind).and_then(|all| all.get(kind));
    definition.map(|definition| definition.value.clone()).ok_or(PlanError::MissingDefinition(kind))
}

fn role_columns(model: &DefaultModel, kind: &str) -> Result<Option<usize>, PlanError> {
    let definition = model.get_model().get("g").and_then(|all| all.get(kind));
    let value = definition.map(|definition| definition.value.clone()).ok_or(PlanError::MissingDefinition("g"))?;
    let columns: Vec<&str> = value.split(',').map(str::trim).collect();
    match columns.as_slice() {
        ["_", "_"] | ["_", "_", "_"] => Ok(Some(columns.len())),
        _ => Err(PlanError::RoleDefinition(value)),
    }
}

fn combined(expression: &str) -> Result<Combined, PlanError> {
    match expression {
        "some(where (p_eft == allow)) && !some(where (p_eft == deny))" => Ok(Combined::DenyWins),
        "some(where (p_eft == allow))" => Ok(Combined::AllowWins),
        "priority(p_eft) || deny" | "subjectPriority(p_eft) || deny" => Ok(Combined::FirstWins),
        _ => Err(PlanError::UnknownEffect(expression.to_owned())),
    }
}

/// A comparison of a field of a line with one of the request.
struct Term {
    text: String,
    policy: usize,
    request: usize,
    by: BTreeSet<By>,
    roles: Roles,
}

/// The use of `g` by a term: none, in every domain, or in a domain that a field of the request names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roles {
    No,
    Everywhere,
    In(usize),
}

/// The fields of the two definitions.
struct Fields<'m> {
    request: &'m [String],
    policy: &'m [String],
}

impl Fields<'_> {
    fn term(&self, text: &str) -> Option<Term> {
        let expression = expression::read(text)?;
        let new = |(request, policy), by, roles| Term { text: text.to_owned(), policy, request, by, roles };
        match &expression {
            Expression::Call { name: name @ ("g" | "g2"), arguments } => {
                let (member, role, domain) = match *arguments.as_slice() {
                    [member, role] => (member, role, None),
                    [member, role, domain] => (member, role, Some(Self::place(self.request, domain)?)),
                    _ => return None,
                };
                let pair = (Self::place(self.request, member)?, Self::place(self.policy, role)?);
                let roles = if *name == "g" { domain.map_or(Roles::Everywhere, Roles::In) } else { Roles::No };
                Some(new(pair, if *name == "g" { BTreeSet::new() } else { BTreeSet::from([By::Roles]) }, roles))
            }
            Expression::Or(either) => {
                let all = either.iter().map(|one| self.compared(one)).collect::<Option<Vec<_>>>()?;
                let request = all.iter().find_map(|(request, ..)| *request)?;
                let policy = all.first()?.1;
                let same = all.iter().all(|(r, p, _)| *p == policy && r.is_none_or(|r| r == request));
                same.then(|| new((request, policy), all.into_iter().map(|(.., by)| by).collect(), Roles::No))
            }
            one => {
                let (request, policy, by) = self.compared(one)?;
                Some(new((request?, policy), BTreeSet::from([by]), Roles::No))
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
}

/// The parts of a matcher: the columns of subject and domain, and the comparisons of objects and actions.
struct MatcherParts {
    subject: usize,
    has_roles: bool,
    domain: Option<usize>,
    object: Term,
    action: Term,
}

impl MatcherParts {
    fn take(terms: &mut Vec<Term>, policy: &[String]) -> Result<Self, PlanError> {
        let named =
            |term: &Term, names: &[&str]| policy.get(term.policy).is_some_and(|it| names.contains(&it.as_str()));
        let plain = |term: &Term| term.roles == Roles::No && term.by == BTreeSet::from([By::Equal]);
        let subject = take(terms, |term| term.roles != Roles::No)
            .or_else(|| take(terms, |term| plain(term) && named(term, &SUBJECTS)))
            .ok_or(PlanError::MissingTerm("subject"))?;
        if let Some(other) = terms.iter().find(|term| subject.roles != Roles::No && named(term, &SUBJECTS)) {
            // The roles are of something else.
            return Err(PlanError::UnknownTerm(other.text.clone()));
        }
        let domain = match subject.roles {
            Roles::In(domain) => {
                let tie = take(terms, |term| plain(term) && term.request == domain);
                Some(tie.ok_or(PlanError::MissingTerm("domain"))?)
            }
            _ => take(terms, |term| plain(term) && named(term, &DOMAINS)),
        };
        let by_roles = take(terms, |term| term.by.contains(&By::Roles));
        let action = take(terms, |term| named(term, &ACTIONS)).or_else(|| {
            // Of two the later, as in `p = sub, obj, act`.
            let last = terms.iter().map(|term| term.policy).max().filter(|_| terms.len() > 1 || by_roles.is_some());
            last.and_then(|last| take(terms, |term| term.policy == last))
        });
        let action = action.ok_or(PlanError::MissingTerm("action"))?;
        let object = by_roles.or_else(|| terms.pop()).ok_or(PlanError::MissingTerm("object"))?;
        let beyond = [&action, &object]
            .into_iter()
            .chain(&*terms)
            .find(|term| term.roles != Roles::No || (term.by.contains(&By::Regex) && term.policy == object.policy));
        let used = [subject.policy, action.policy, object.policy];
        let twice =
            |term: &&Term| used.contains(&term.policy) || domain.as_ref().is_some_and(|it| it.policy == term.policy);
        match beyond.or_else(|| terms.iter().find(twice)).or_else(|| terms.first()) {
            Some(term) => Err(PlanError::UnknownTerm(term.text.clone())),
            None => Ok(Self {
                subject: subject.policy,
                has_roles: subject.roles != Roles::No,
                domain: domain.map(|term| term.policy),
                object,
                action,
            }),
        }
    }

    fn columns(&self, policy: &[String]) -> Vec<Column> {
        let column = |(at, name): (usize, &String)| match at {
            _ if name == "p_eft" => Column::Effect,
            at if at == self.subject => Column::Subject,
            at if Some(at) == self.domain => Column::Domain,
            at if at == self.object.policy => Column::Object,
            at if at == self.action.policy => Column::Action,
            _ => Column::Unused,
        };
        policy.iter().enumerate().map(column).collect()
    }
}

fn take(terms: &mut Vec<Term>, chosen: impl Fn(&Term) -> bool) -> Option<Term> {
    terms.iter().position(chosen).map(|at| terms.remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(policy: &str, roles: &str, effect: &str, matcher: &str) -> Result<ForeignModel, PlanError> {
        ForeignModel::read(&format!(
            "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = {policy}\n[role_definition]\n{roles}\n\
             [policy_effect]\ne = {effect}\n[matchers]\nm = {matcher}\n"
        ))
    }

    const ALLOW: &str = "some(where (p.eft == allow))";

    #[test]
    fn columns_are_told_by_what_they_are_compared_with() {
        use Column::{Action, Domain, Effect, Object, Subject, Unused};
        let roles = "g = _, _, _";
        let matcher = "g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch(r.obj, p.obj) && regexMatch(r.act, p.act)";
        let read = model("priority, sub, act, obj, dom, eft", roles, ALLOW, matcher).unwrap();
        assert_eq!(read.columns, [Unused, Subject, Action, Object, Domain, Effect]);
        assert_eq!((read.role_columns, read.object_role_columns, read.has_domain()), (Some(3), None, true));
        assert_eq!((read.objects, read.actions), (BTreeSet::from([By::KeyMatch]), BTreeSet::from([By::Regex])));
        let matcher =
            "g(r.sub, p.role) && g2(r.obj, p.thing) && (r.act == p.what || p.what == '*')".replace('\'', "\"");
        let read = model("role, thing, what", "g = _, _\ng2 = _, _", "priority(p.eft) || deny", &matcher).unwrap();
        assert_eq!(read.columns, [Subject, Object, Action]);
        assert_eq!((read.combined, read.object_role_columns), (Combined::FirstWins, Some(2)));
        assert_eq!(read.actions, BTreeSet::from([By::Equal, By::Star]));
    }

    #[test]
    fn what_has_no_equal_here_is_named() {
        let plain = "r.sub == p.sub && r.obj == p.obj && r.act == p.act";
        for (policy, roles, effect, matcher, said) in [
            ("sub, obj, act", "g = _, _", "!some(where (p.eft == deny))", plain, "the policy effect"),
            (
                "sub, obj, act",
                "g = _, _",
                ALLOW,
                "r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.sub == \"root\"",
                "term",
            ),
            ("sub, obj, act", "g = _, _", ALLOW, "eval(p.sub) && r.obj == p.obj && r.act == p.act", "`eval(p_sub)`"),
            ("sub, obj, act", "g = _, _", ALLOW, "r.sub == r.obj.Owner", "`r_sub == r_obj.Owner`"),
            (
                "sub, obj, act",
                "g = _, _",
                ALLOW,
                "r.sub == p.sub && regexMatch(r.obj, p.obj) && r.act == p.act",
                "`regexMatch",
            ),
            (
                "sub, obj, act",
                "g = _, _",
                ALLOW,
                "r.sub == p.sub && g(r.obj, p.obj) && r.act == p.act",
                "`r_sub == p_sub`",
            ),
            ("sub, act", "g = _, _", ALLOW, "r.sub == p.sub && r.act == p.act", "no term for the object"),
            ("obj, act", "g = _, _", ALLOW, "r.obj == p.obj && r.act == p.act", "no term for the subject"),
            (
                "sub, obj, act",
                "g = _, _, (_, _)",
                ALLOW,
                "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act",
                "role definition",
            ),
            (
                "sub, dom, obj, act",
                "g = _, _, _",
                ALLOW,
                "g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.dom) && r.obj == p.obj && r.act == p.act",
                "for the domain",
            ),
        ] {
            let error = model(policy, roles, effect, matcher).unwrap_err().to_string();
            assert!(error.contains(said), "{matcher}: {error}");
        }
        assert!(ForeignModel::read("").is_err() && ForeignModel::read("[[[\n=\n\\").is_err());
        let deep = format!("{}r.sub == p.sub{}", "(".repeat(5000), ")".repeat(5000));
        assert!(model("sub, obj, act", "g = _, _", ALLOW, &deep).is_err());
    }
}
