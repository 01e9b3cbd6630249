//! The plan for the platform's own rules: the fields of the model that are the subject, the domain, the object and the
//! action of a [`Rule`].
//!
//! Rules have to answer more than decisions: what a grant covers, what is in reach, which users have a permission. So
//! of the [family](super::casbin_policy) that can be decided, a plan takes the models whose objects are names and prefixes and
//! whose actions are names and `*`, and refuses the others with the term in question.

use super::layout::{Combine, Field, Layout, Rest, Slot};
use super::matcher::{Form, Term};
use super::patterns::Function;
use crate::domain::key::{Action, Object, TenantKey};
use crate::policy::rule::{Effect, Rule, Subject};

/// Reasons why a model cannot be planned. Fields and terms are written as casbin holds them: `r_sub` is `r.sub`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Casbin itself cannot read the text.
    #[error("casbin cannot read the model: {0}")]
    Unreadable(String),
    /// A definition is missing.
    #[error("the model does not define `{0}`")]
    MissingDefinition(&'static str),
    /// A second definition of a kind, such as `g2`.
    #[error("the model defines `{0}`: only one definition of a kind is supported")]
    SeveralDefinitions(String),
    /// A role definition with more than a member, a role and a domain.
    #[error("the role definition `{0}` is not supported: `_, _` and `_, _, _` (member, role, domain) are")]
    RoleDefinition(String),
    /// A term of the matcher that is not understood, or that casbin could not evaluate safely.
    #[error("the matcher's term `{0}` is not supported")]
    UnknownTerm(String),
    /// No term finds lines without looking at all of them.
    #[error("no term of the matcher `{0}` selects rules: `g`, `==`, `keyMatch`, `keyMatch2` and `globMatch` do")]
    NoUsableTerm(String),
    /// A term that can be decided, but by which the platform's own rules could not be searched.
    #[error("the matcher's term `{0}` is not supported for the platform's rules")]
    BeyondRules(String),
    /// No term matches what every request has.
    #[error("the matcher has no term for the {0}")]
    MissingTerm(&'static str),
    /// Two terms that leave open which matches the object and which the action.
    #[error("the matcher's terms `{0}` and `{1}` do not tell the object from the action")]
    Ambiguous(String, String),
    /// A field that no term matches.
    #[error("no term of the matcher matches the field `{0}`")]
    UnusedField(String),
    /// An effect expression that is not one of Casbin's, or depends on the order of the rules.
    #[error("the policy effect `{0}` is not supported")]
    UnknownEffect(String),
}

/// The effect that depends on the order of the policy, which a tenant's rules do not have.
const FIRST: &str = "priority(p_eft) || deny";

/// The value that a field of the model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldRole {
    Subject,
    Domain,
    Object,
    Action,
    Effect,
}

/// A model that has been understood, for the platform's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    request: Vec<FieldRole>,
    policy: Vec<FieldRole>,
    prefixes: bool,
    star: bool,
    combine: Combine,
}

impl Plan {
    /// Plans the model of this text.
    pub fn from_model(text: &str) -> Result<Self, PlanError> {
        let layout = Layout::read(text)?;
        if layout.combine == Combine::First {
            return Err(PlanError::UnknownEffect(FIRST.to_owned()));
        }
        if let Some(term) = layout.rest.terms().iter().find(|term| compared(term).is_none()) {
            return Err(PlanError::BeyondRules(term.text.clone()));
        }
        let subject = layout.subject.as_ref().filter(|key| key.roles).ok_or(PlanError::MissingTerm("subject"))?;
        let domain = layout.domain.ok_or(PlanError::MissingTerm("domain"))?;
        let object = layout.object.as_ref().ok_or(PlanError::MissingTerm("object or the action"))?;
        let (action, star) = action(&layout)?;
        if !matches!(object.function, None | Some(Function::KeyMatch)) {
            return Err(PlanError::BeyondRules(object.text.clone()));
        }
        told_apart(&layout)?;
        let keys = [
            (subject.request, FieldRole::Subject),
            (domain, FieldRole::Domain),
            (object.request, FieldRole::Object),
            (action, FieldRole::Action),
        ];
        Ok(Self {
            request: request_parts(&layout, &keys)?,
            policy: layout.policy.iter().map(|field| part(field.slot)).collect(),
            prefixes: layout.prefixes(),
            star,
            combine: layout.combine,
        })
    }

    /// Returns whether a rule's object `a/b/*` stands for everything below `a/b`.
    pub(super) const fn prefixes(&self) -> bool {
        self.prefixes
    }

    /// Returns whether a rule's action `*` stands for all actions.
    pub(super) const fn star(&self) -> bool {
        self.star
    }

    pub(super) const fn combine(&self) -> Combine {
        self.combine
    }

    /// Returns whether the model can hold a rule of this effect. Without an effect field every rule of a model allows,
    /// and a denial has no place in it.
    pub(super) fn holds(&self, effect: Effect) -> bool {
        effect == Effect::Allow || self.policy.contains(&FieldRole::Effect)
    }

    /// Returns the rule's columns `v0`, `v1`, … in the order that the model defines; `None` for a denial in a model
    /// without an effect field. For the built-in model these are [`Rule::values`].
    pub fn policy_line(&self, rule: &Rule, tenant: &TenantKey) -> Option<Vec<String>> {
        let Rule::Permission { subject, object, action, effect } = rule else {
            return Some(rule.values(tenant));
        };
        let value = |part: &FieldRole| match part {
            FieldRole::Subject => subject.to_string(),
            FieldRole::Domain => tenant.to_string(),
            FieldRole::Object => object.to_string(),
            FieldRole::Action => action.to_string(),
            FieldRole::Effect => effect.as_ref().to_owned(),
        };
        self.holds(*effect).then(|| self.policy.iter().map(value).collect())
    }

    /// Returns the request's values in the order that the model defines.
    pub fn request_line(&self, tenant: &TenantKey, subject: &Subject, object: &Object, action: &Action) -> Vec<String> {
        let value = |part: &FieldRole| match part {
            FieldRole::Subject => Some(subject.to_string()),
            FieldRole::Domain => Some(tenant.to_string()),
            FieldRole::Object => Some(object.to_string()),
            FieldRole::Action => Some(action.to_string()),
            FieldRole::Effect => None,
        };
        self.request.iter().filter_map(value).collect()
    }
}

/// Returns the request field that holds the action, and `true` if a rule's `*` stands for all actions.
fn action(layout: &Layout) -> Result<(usize, bool), PlanError> {
    if let Rest::Action { request, star, .. } = layout.rest {
        return Ok((request, star));
    }
    let terms = layout.rest.terms();
    let compared: Vec<usize> = terms.iter().filter_map(compared).collect();
    let unused = |(at, field): &(usize, &Field)| matches!(field.slot, Slot::Rest(_)) && !compared.contains(at);
    if let Some((_, field)) = layout.policy.iter().enumerate().find(unused) {
        return Err(PlanError::UnusedField(field.name.clone()));
    }
    Err(terms
        .last()
        .map_or(PlanError::MissingTerm("object or the action"), |term| PlanError::BeyondRules(term.text.clone())))
}

/// Returns the rule field that the term compares with one of the request, plainly or with a star.
const fn compared(term: &Term) -> Option<usize> {
    match term.form {
        Form::Equal { policy, .. } | Form::EqualOrStar { policy, .. } => Some(policy),
        _ => None,
    }
}

/// Refuses a layout that does not tell the object from the action. Only objects have patterns and only actions have the
/// star; between two plain equalities the field's usual name decides.
fn told_apart(layout: &Layout) -> Result<(), PlanError> {
    let named = |slot: Slot, name: &str| layout.policy.iter().any(|field| field.slot == slot && field.name == name);
    match (&layout.object, &layout.rest) {
        (Some(object), Rest::Action { star: false, text, .. })
            if object.function.is_none() && !(named(Slot::Object, "p_obj") && named(Slot::Rest(0), "p_act")) =>
        {
            Err(PlanError::Ambiguous(object.text.clone(), text.clone()))
        }
        _ => Ok(()),
    }
}

fn request_parts(layout: &Layout, keys: &[(usize, FieldRole)]) -> Result<Vec<FieldRole>, PlanError> {
    let part = |(at, field): (usize, &String)| {
        let key = keys.iter().find(|(request, _)| *request == at);
        key.map(|(_, part)| *part).ok_or_else(|| PlanError::UnusedField(field.clone()))
    };
    layout.request.iter().enumerate().map(part).collect()
}

/// Returns the value that a field holds, in a layout that has one field left: the action.
const fn part(slot: Slot) -> FieldRole {
    match slot {
        Slot::Subject => FieldRole::Subject,
        Slot::Domain => FieldRole::Domain,
        Slot::Object => FieldRole::Object,
        Slot::Effect => FieldRole::Effect,
        Slot::Rest(_) => FieldRole::Action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{ActionPattern, ObjectPattern};
    use crate::engine::MODEL;

    /// Plans the built-in model with one piece of its text replaced.
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
        assert_eq!(plan.request, [FieldRole::Action, FieldRole::Subject, FieldRole::Domain, FieldRole::Object]);
        assert_eq!(
            plan.policy,
            [FieldRole::Effect, FieldRole::Object, FieldRole::Domain, FieldRole::Action, FieldRole::Subject]
        );
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
        assert_eq!(
            plan.policy,
            [FieldRole::Subject, FieldRole::Domain, FieldRole::Object, FieldRole::Action, FieldRole::Effect]
        );
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
            "keyMatch(p_obj, r_obj)",
            "keyMatch3(r_obj, p_obj)",
            "ipMatch(r_obj, p_obj)",
            "regexMatch(r_act, r_obj)",
            "regexMatch(r_obj, \"*\")",
            "r_obj.owner == p_obj",
            "r_nothing == p_obj",
            "eval(p_obj)",
            "!r_obj == p_obj",
            "g2(r_obj, p_obj, r_dom)",
            "g(r_obj, p_obj, r_dom)",
            "g(r_sub, p_sub, r_dom) || r_obj == p_obj",
            "r_obj == p_obj ? true : false",
            "",
        ] {
            assert_eq!(with("keyMatch(r.obj, p.obj)", &format!("({term})")), Err(unknown(term)), "{term}");
        }
        assert_eq!(with("g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)"), Err(unknown("g(r_sub, p_sub)")));
        assert_eq!(with("g(r.sub, p.sub, r.dom)", "g(p.sub, r.sub, r.dom)"), Err(unknown("g(p_sub, r_sub, r_dom)")));
    }

    #[test]
    fn a_term_of_the_family_by_which_rules_cannot_be_searched_is_refused_by_name() {
        for term in [
            "keyMatch2(r_obj, p_obj)",
            "regexMatch(r_obj, p_obj)",
            "globMatch(r_obj, p_obj)",
            "!keyMatch(r_obj, p_obj)",
            "r_obj == \"voice\"",
            "r_obj == p_obj || p_act == \"*\"",
            "r_obj == p_obj || p_obj == \"all\"",
            "keyMatch(r_obj, p_obj) || r_obj == \"all\"",
        ] {
            let refused = with("keyMatch(r.obj, p.obj)", &format!("({term})"));
            assert_eq!(refused, Err(PlanError::BeyondRules(term.to_owned())));
        }
        let twice = with("keyMatch(", "r.obj == \"voice\" && keyMatch(");
        assert_eq!(twice, Err(PlanError::BeyondRules("r_obj == \"voice\"".to_owned())));
        let pattern = with("(r.act == p.act || p.act == \"*\")", "regexMatch(r.act, p.act)");
        assert_eq!(pattern, Err(PlanError::BeyondRules("regexMatch(r_act, p_act)".to_owned())));
    }

    #[test]
    fn a_matcher_of_which_no_term_selects_rules_is_refused() {
        let matcher = "r_sub == \"root\" || g(r_sub, p_sub, r_dom)";
        let whole = MODEL.split("m = ").nth(1).unwrap().trim();
        assert_eq!(with(whole, matcher), Err(unknown(matcher)));
        for matcher in ["r_sub == \"root\" || r_obj == p_obj", "regexMatch(r_obj, p_obj)", "r_act == \"read\""] {
            assert_eq!(with(whole, matcher), Err(PlanError::NoUsableTerm(matcher.to_owned())));
        }
    }

    #[test]
    fn a_term_too_many_or_too_few_is_refused() {
        let wide = MODEL.replace("obj, act", "obj, act, ip");
        assert_eq!(Plan::from_model(&wide), Err(PlanError::UnusedField("p_ip".to_owned())));
        let asked = MODEL.replace("r = sub, dom, obj, act", "r = sub, dom, obj, act, ip");
        assert_eq!(Plan::from_model(&asked), Err(PlanError::UnusedField("r_ip".to_owned())));
        let matched = wide.replace("keyMatch", "r.ip == p.ip && keyMatch");
        assert!(matches!(Plan::from_model(&matched), Err(PlanError::BeyondRules(_))));
        assert_eq!(with("act, eft", "act, note, eft"), Err(PlanError::UnusedField("p_note".to_owned())));
        assert_eq!(with(" && r.dom == p.dom", ""), Err(PlanError::MissingTerm("domain")));
        assert_eq!(with("g(r.sub, p.sub, r.dom)", "r.sub == p.sub"), Err(PlanError::MissingTerm("subject")));
        assert_eq!(with(" && keyMatch(r.obj, p.obj)", ""), Err(PlanError::MissingTerm("object or the action")));
        let beyond = |term: &str| Err(PlanError::BeyondRules(term.to_owned()));
        assert_eq!(with("keyMatch(", "r.obj == p.obj && keyMatch("), beyond("keyMatch(r_obj, p_obj)"));
        assert!(matches!(with("r.act == p.act || p.act", "r.act == p.sub || p.sub"), Err(PlanError::UnusedField(_))));
    }

    #[test]
    fn what_the_crate_gets_wrong_is_refused() {
        assert_eq!(with("g = _, _, _", "g = _, _, _\ng2 = _, _"), Err(PlanError::SeveralDefinitions("g2".to_owned())));
        assert_eq!(with("g = _, _, _", "g = _, _, _, _"), Err(PlanError::RoleDefinition("_, _, _, _".to_owned())));
        let roles = "g(r_sub, p_sub, r_dom)";
        assert_eq!(with("g = _, _, _", "g = _, _"), Err(unknown(roles)));
        assert_eq!(with("[role_definition]\ng = _, _, _", ""), Err(unknown(roles)));
        assert!(matches!(with("m = g", "m ; g"), Err(PlanError::Unreadable(_) | PlanError::MissingDefinition("m"))));
        for effect in ["priority(p_eft) || deny", "subjectPriority(p_eft)", "some(where (p_eft==allow))"] {
            let text = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
            assert_eq!(with(text, effect), Err(PlanError::UnknownEffect(effect.to_owned())));
        }
    }
}
