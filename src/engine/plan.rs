//! From `model.conf` to a plan: which field of the model is the subject, the domain, the object
//! and the action, how each is matched, and how the effects of the matching rules are combined.
//!
//! What the planner does not know is refused with an error that names it. A model that is
//! planned is decided exactly as casbin's Enforcer decides it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use casbin::{Assertion, DefaultModel, Model};

use super::matcher::{self, Form, Term};
use crate::domain::key::{Action, Object, TenantKey};
use crate::policy::rule::{Effect, Rule, Subject};

/// Why a model cannot be planned. Fields and terms stand as casbin holds them: `r_sub` is `r.sub`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Casbin itself cannot read the text.
    #[error("casbin cannot read the model: {0}")]
    Unreadable(String),
    /// A definition is not there.
    #[error("the model does not define `{0}`")]
    MissingDefinition(&'static str),
    /// A second definition of a kind, such as `g2`.
    #[error("the model defines `{0}`: only one definition of a kind is supported")]
    SeveralDefinitions(String),
    /// A role definition without a domain, or with more.
    #[error("the role definition `{0}` is not supported: `_, _, _` (member, role, domain) is")]
    RoleDefinition(String),
    /// A term of the matcher that the planner does not know.
    #[error("the matcher's term `{0}` is not supported")]
    UnknownTerm(String),
    /// A field that an earlier term matches already.
    #[error("the matcher's term `{0}` matches a field for the second time")]
    RepeatedField(String),
    /// No term matches what every request has.
    #[error("the matcher has no term for the {0}")]
    MissingTerm(&'static str),
    /// Two terms of which it is not clear which matches the object and which the action.
    #[error("the matcher's terms `{0}` and `{1}` do not tell the object from the action")]
    Ambiguous(String, String),
    /// A field that no term matches.
    #[error("no term of the matcher matches the field `{0}`")]
    UnusedField(String),
    /// An effect expression that is not one of Casbin's three that need no order.
    #[error("the policy effect `{0}` is not supported")]
    UnknownEffect(String),
}

/// What a field of the model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Subject,
    Domain,
    Object,
    Action,
    Effect,
}

/// How the effects of the matching rules make the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Combine {
    /// `some(where (p.eft == allow)) && !some(where (p.eft == deny))`
    SomeAllowAndNoDeny,
    /// `some(where (p.eft == allow))`
    SomeAllow,
    /// `!some(where (p.eft == deny))`
    NoDeny,
}

/// A model that has been understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    request: Vec<Part>,
    policy: Vec<Part>,
    prefixes: bool,
    star: bool,
    combine: Combine,
}

impl Plan {
    /// Plans the model of this text.
    pub fn from_model(text: &str) -> Result<Self, PlanError> {
        let model = read(text)?;
        let request = &definition(&model, "r")?.tokens;
        let policy = &definition(&model, "p")?.tokens;
        let role = &definition(&model, "g")?.value;
        if role.split(',').map(str::trim).ne(["_", "_", "_"]) {
            return Err(PlanError::RoleDefinition(role.clone()));
        }
        let combine = Combine::read(&definition(&model, "e")?.value)?;
        let terms = Terms::assign(matcher::terms(&definition(&model, "m")?.value, request, policy)?, policy)?;
        Ok(Self {
            request: parts(request, |at| terms.part(|term| term.request == at))?,
            policy: parts(policy, |at| match policy.get(at).map(String::as_str) {
                Some(EFFECT_FIELD) => Some(Part::Effect),
                _ => terms.part(|term| term.policy == at),
            })?,
            prefixes: terms.object.form == Form::KeyMatch,
            star: terms.action.form == Form::EqualOrStar,
            combine,
        })
    }

    /// Whether a rule's object `a/b/*` stands for all that is below `a/b`.
    pub(super) const fn prefixes(&self) -> bool {
        self.prefixes
    }

    /// Whether a rule's action `*` stands for all actions.
    pub(super) const fn star(&self) -> bool {
        self.star
    }

    pub(super) const fn combine(&self) -> Combine {
        self.combine
    }

    /// Whether the model can hold a rule of this effect. Without an effect field every rule of a
    /// model allows, and a denial has no place in it.
    pub(super) fn holds(&self, effect: Effect) -> bool {
        effect == Effect::Allow || self.policy.contains(&Part::Effect)
    }

    /// The rule's columns `v0`, `v1`, … in the order that the model defines; `None` for a denial
    /// in a model without an effect field. For the built-in model these are [`Rule::values`].
    pub fn policy_line(&self, rule: &Rule, tenant: &TenantKey) -> Option<Vec<String>> {
        let Rule::Permission { subject, object, action, effect } = rule else {
            return Some(rule.values(tenant));
        };
        let value = |part: &Part| match part {
            Part::Subject => subject.to_string(),
            Part::Domain => tenant.to_string(),
            Part::Object => object.to_string(),
            Part::Action => action.to_string(),
            Part::Effect => effect.as_str().to_owned(),
        };
        self.holds(*effect).then(|| self.policy.iter().map(value).collect())
    }

    /// The request's values in the order that the model defines.
    pub fn request_line(&self, tenant: &TenantKey, subject: &Subject, object: &Object, action: &Action) -> Vec<String> {
        let value = |part: &Part| match part {
            Part::Subject => Some(subject.to_string()),
            Part::Domain => Some(tenant.to_string()),
            Part::Object => Some(object.to_string()),
            Part::Action => Some(action.to_string()),
            Part::Effect => None,
        };
        self.request.iter().filter_map(value).collect()
    }
}

/// The name by which casbin itself finds the effect field.
const EFFECT_FIELD: &str = "p_eft";

/// Reads the text through casbin. Its reader is async for the sake of files; over a text in
/// memory it never waits, so that a single poll finishes it.
fn read(text: &str) -> Result<DefaultModel, PlanError> {
    match pin!(DefaultModel::from_str(text)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(model) => model.map_err(|error| PlanError::Unreadable(error.to_string())),
        Poll::Pending => Err(PlanError::Unreadable("it waits for more text".to_owned())),
    }
}

/// The only definition of its kind: `r`, `p`, `g`, `e` or `m`.
fn definition<'m>(model: &'m DefaultModel, kind: &'static str) -> Result<&'m Assertion, PlanError> {
    let definitions = model.get_model().get(kind).ok_or(PlanError::MissingDefinition(kind))?;
    match definitions.keys().find(|key| *key != kind) {
        Some(other) => Err(PlanError::SeveralDefinitions(other.clone())),
        None => definitions.get(kind).ok_or(PlanError::MissingDefinition(kind)),
    }
}

/// The part of each field, in order; a field without one is refused.
fn parts(fields: &[String], part: impl Fn(usize) -> Option<Part>) -> Result<Vec<Part>, PlanError> {
    let named = |(at, field): (usize, &String)| part(at).ok_or_else(|| PlanError::UnusedField(field.clone()));
    fields.iter().enumerate().map(named).collect()
}

impl Combine {
    fn read(expression: &str) -> Result<Self, PlanError> {
        // To the letter, as casbin compares them: it panics on any other.
        match expression {
            "some(where (p_eft == allow)) && !some(where (p_eft == deny))" => Ok(Self::SomeAllowAndNoDeny),
            "some(where (p_eft == allow))" => Ok(Self::SomeAllow),
            "!some(where (p_eft == deny))" => Ok(Self::NoDeny),
            _ => Err(PlanError::UnknownEffect(expression.to_owned())),
        }
    }
}

/// The four terms of a matcher by what they match.
struct Terms {
    subject: Term,
    domain: Term,
    object: Term,
    action: Term,
}

impl Terms {
    /// Tells the terms apart by their form: the role look-up has the subject and names the
    /// domain, an equality on it ties the rule to the tenant, and two are left.
    fn assign(mut terms: Vec<Term>, policy: &[String]) -> Result<Self, PlanError> {
        refuse_repeated(&terms)?;
        let effect = policy.iter().position(|field| field == EFFECT_FIELD);
        if let Some(term) = terms.iter().find(|term| Some(term.policy) == effect) {
            return Err(PlanError::UnknownTerm(term.text.clone()));
        }
        let role = |term: &Term| match term.form {
            Form::Role { domain } => Some(domain),
            _ => None,
        };
        let tenant = terms.iter().find_map(role).ok_or(PlanError::MissingTerm("subject"))?;
        let subject = take(&mut terms, |term| role(term).is_some(), "subject")?;
        let domain = take(&mut terms, |term| term.form == Form::Equal && term.request == tenant, "domain")?;
        let mut rest = terms.into_iter();
        let (Some(one), Some(other)) = (rest.next(), rest.next()) else {
            return Err(PlanError::MissingTerm("object or the action"));
        };
        if let Some(extra) = rest.next() {
            return Err(PlanError::UnknownTerm(extra.text));
        }
        let (object, action) = object_and_action(one, other, policy)?;
        Ok(Self { subject, domain, object, action })
    }

    /// What the field of the term that is `chosen` holds.
    fn part(&self, chosen: impl Fn(&Term) -> bool) -> Option<Part> {
        [
            (&self.subject, Part::Subject),
            (&self.domain, Part::Domain),
            (&self.object, Part::Object),
            (&self.action, Part::Action),
        ]
        .into_iter()
        .find_map(|(term, part)| chosen(term).then_some(part))
    }
}

/// Takes the first term that is `chosen` out of `terms`.
fn take(terms: &mut Vec<Term>, chosen: impl Fn(&Term) -> bool, what: &'static str) -> Result<Term, PlanError> {
    let at = terms.iter().position(chosen).ok_or(PlanError::MissingTerm(what))?;
    Ok(terms.remove(at))
}

/// Two terms on one field would have to hold together; the plan has one look-up for each field.
fn refuse_repeated(terms: &[Term]) -> Result<(), PlanError> {
    let repeated = terms.iter().enumerate().find(|(at, term)| {
        terms.iter().take(*at).any(|before| before.request == term.request || before.policy == term.policy)
    });
    repeated.map_or(Ok(()), |(_, term)| Err(PlanError::RepeatedField(term.text.clone())))
}

/// Which of the two terms left is the object's. Only objects have patterns and only actions have
/// the star; between two plain equalities the field's usual name decides.
fn object_and_action(one: Term, other: Term, policy: &[String]) -> Result<(Term, Term), PlanError> {
    let named = |term: &Term, name: &str| policy.get(term.policy).is_some_and(|field| field == name);
    match (one.form, other.form) {
        (Form::KeyMatch, Form::Equal | Form::EqualOrStar) | (Form::Equal, Form::EqualOrStar) => Ok((one, other)),
        (Form::Equal | Form::EqualOrStar, Form::KeyMatch) | (Form::EqualOrStar, Form::Equal) => Ok((other, one)),
        (Form::Equal, Form::Equal) if named(&one, "p_obj") && named(&other, "p_act") => Ok((one, other)),
        (Form::Equal, Form::Equal) if named(&one, "p_act") && named(&other, "p_obj") => Ok((other, one)),
        _ => Err(PlanError::Ambiguous(one.text, other.text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{ActionPattern, ObjectPattern};
    use crate::engine::MODEL;

    /// The built-in model with one piece of its text replaced.
    fn with(from: &str, to: &str) -> Result<Plan, PlanError> {
        assert!(MODEL.contains(from), "{from}");
        Plan::from_model(&MODEL.replace(from, to))
    }

    fn unknown(term: &str) -> PlanError {
        PlanError::UnknownTerm(term.to_owned())
    }

    fn denial() -> Rule {
        Rule::deny(
            Subject::parse("profile:night").unwrap(),
            ObjectPattern::parse("voice/*").unwrap(),
            ActionPattern::any(),
        )
    }

    #[test]
    fn the_built_in_model_is_planned_and_its_lines_are_those_of_the_rules() {
        let plan = Plan::from_model(MODEL).unwrap();
        let tenant = TenantKey::parse("acme").unwrap();
        assert!(plan.prefixes() && plan.star());
        assert_eq!(plan.combine(), Combine::SomeAllowAndNoDeny);
        let membership =
            Rule::membership(Subject::parse("user:dana").unwrap(), Subject::parse("profile:night").unwrap());
        for rule in [denial(), membership] {
            assert_eq!(plan.policy_line(&rule, &tenant), Some(rule.values(&tenant)));
        }
        let request = plan.request_line(
            &tenant,
            &Subject::parse("user:dana").unwrap(),
            &Object::parse("voice").unwrap(),
            &Action::read(),
        );
        assert_eq!(request, ["user:dana", "acme", "voice", "read"]);
    }

    #[test]
    fn fields_of_any_name_and_order_are_found_by_how_they_are_matched() {
        let text = "[request_definition]\nr = verb, who, org, thing\n\
            [policy_definition]\np = eft, thing, org, verb, who\n\
            [role_definition]\ng = _, _, _\n\
            [policy_effect]\ne = !some(where (p.eft == deny))\n\
            [matchers]\nm = (p.verb == r.verb || p.verb == \"*\") && p.org == r.org && \
            g(r.who, p.who, r.org) && r.thing == p.thing # a comment\n";
        let plan = Plan::from_model(text).unwrap();
        assert_eq!(plan.request, [Part::Action, Part::Subject, Part::Domain, Part::Object]);
        assert_eq!(plan.policy, [Part::Effect, Part::Object, Part::Domain, Part::Action, Part::Subject]);
        assert!(!plan.prefixes() && plan.star());
        assert_eq!(plan.combine(), Combine::NoDeny);
        let line = plan.policy_line(&denial(), &TenantKey::parse("acme").unwrap());
        assert_eq!(line.unwrap(), ["deny", "voice/*", "acme", "*", "profile:night"]);
    }

    #[test]
    fn between_two_plain_equalities_the_usual_names_decide() {
        let plain = MODEL
            .replace("keyMatch(r.obj, p.obj)", "r.act == p.act")
            .replace("(r.act == p.act || p.act == \"*\")", "r.obj == p.obj");
        let plan = Plan::from_model(&plain).unwrap();
        assert_eq!(plan.policy, [Part::Subject, Part::Domain, Part::Object, Part::Action, Part::Effect]);
        assert!(!plan.prefixes() && !plan.star());
        let unnamed = plain.replace("obj", "thing");
        assert_eq!(
            Plan::from_model(&unnamed),
            Err(PlanError::Ambiguous("r_act == p_act".to_owned(), "r_thing == p_thing".to_owned()))
        );
    }

    #[test]
    fn a_model_without_an_effect_field_cannot_hold_a_denial() {
        let plan = with("act, eft", "act").unwrap();
        assert_eq!(plan.policy_line(&denial(), &TenantKey::parse("acme").unwrap()), None);
    }

    #[test]
    fn an_unknown_term_is_refused_by_name() {
        for term in [
            "keyMatch2(r_obj, p_obj)",
            "regexMatch(r_obj, p_obj)",
            "keyMatch(p_obj, r_obj)",
            "keyMatch(r_obj, p_obj) || true",
            "!keyMatch(r_obj, p_obj)",
            "r_obj.owner == p_obj",
            "r_obj == \"voice\"",
            "r_nothing == p_obj",
            "eval(p_obj)",
            "(r_obj == p_obj)",
            "(r_obj == p_obj || p_act == \"*\")",
            "(r_obj == p_obj && p_obj == \"*\")",
            "(r_obj == p_obj || p_obj == \"all\")",
            "g2(r_obj, p_obj, r_dom)",
            "",
        ] {
            assert_eq!(with("keyMatch(r.obj, p.obj)", term), Err(unknown(term)));
        }
        let open = "r_act == p_act || p_act == \"*\"";
        assert_eq!(with("(r.act == p.act || p.act == \"*\")", open), Err(unknown(open)));
        assert_eq!(with("g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)"), Err(unknown("g(r_sub, p_sub)")));
        assert_eq!(with("r.obj, p.obj", "r.obj, p.eft"), Err(unknown("keyMatch(r_obj, p_eft)")));
    }

    #[test]
    fn a_term_too_many_or_too_few_is_refused() {
        let wide = MODEL.replace("obj, act", "obj, act, ip");
        assert_eq!(Plan::from_model(&wide), Err(PlanError::UnusedField("r_ip".to_owned())));
        let matched = wide.replace("keyMatch", "r.ip == p.ip && keyMatch");
        assert!(matches!(Plan::from_model(&matched), Err(PlanError::UnknownTerm(_))));
        assert_eq!(with("act, eft", "act, note, eft"), Err(PlanError::UnusedField("p_note".to_owned())));
        assert_eq!(with(" && r.dom == p.dom", ""), Err(PlanError::MissingTerm("domain")));
        assert_eq!(with("g(r.sub, p.sub, r.dom)", "r.sub == p.sub"), Err(PlanError::MissingTerm("subject")));
        assert_eq!(with(" && keyMatch(r.obj, p.obj)", ""), Err(PlanError::MissingTerm("object or the action")));
        assert_eq!(
            with("keyMatch(", "r.obj == p.obj && keyMatch("),
            Err(PlanError::RepeatedField("keyMatch(r_obj, p_obj)".to_owned()))
        );
        assert!(matches!(with("r.act == p.act || p.act", "r.act == p.sub || p.sub"), Err(PlanError::RepeatedField(_))));
    }

    #[test]
    fn what_the_crate_gets_wrong_is_refused() {
        assert_eq!(with("g = _, _, _", "g = _, _, _\ng2 = _, _"), Err(PlanError::SeveralDefinitions("g2".to_owned())));
        assert_eq!(with("g = _, _, _", "g = _, _"), Err(PlanError::RoleDefinition("_, _".to_owned())));
        assert_eq!(with("[role_definition]\ng = _, _, _", ""), Err(PlanError::MissingDefinition("g")));
        assert!(matches!(with("m = g", "m ; g"), Err(PlanError::Unreadable(_) | PlanError::MissingDefinition("m"))));
        for effect in ["priority(p_eft) || deny", "subjectPriority(p_eft)", "some(where (p_eft==allow))"] {
            let text = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
            assert_eq!(with(text, effect), Err(PlanError::UnknownEffect(effect.to_owned())));
        }
    }
}
