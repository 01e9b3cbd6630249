//! Cedar: a `p` rule is a policy, a `g` rule makes the role a parent of its member, and an object is in every prefix
//! that a rule on everything below can name.

use std::collections::{HashMap, HashSet};

use bailiwick::policy::rule::{Effect, Rule};
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet};

use super::{Engine, above};
use crate::result::Result;
use crate::world::Request;

/// The engine's name in the report.
pub(crate) const NAME: &str = "Cedar";

/// Cedar's authorizer with its policies, entities and requests.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<cedar_policy::Request>,
}

impl Cedar {
    /// Translates rules and requests.
    pub(crate) fn build(rules: &[Rule], requests: &[Request]) -> Result<Self> {
        let permissions = rules.iter().filter(|rule| rule.ptype() == "p").enumerate();
        let policies = permissions.filter_map(|(n, rule)| policy(n, rule)).collect::<Result<Vec<_>>>()?;
        let asked = requests.iter().map(request).collect::<Result<_>>()?;
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_policies(policies)?,
            entities: entities(rules, requests)?,
            requests: asked,
        })
    }
}

impl Engine for Cedar {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        let requests = requests.iter().filter_map(|at| self.requests.get(*at));
        let decide = |request| self.authorizer.is_authorized(request, &self.policies, &self.entities).decision();
        Ok(requests.filter(|request| decide(request) == Decision::Allow).count())
    }
}

fn policy(n: usize, rule: &Rule) -> Option<Result<Policy>> {
    let Rule::Permission { subject, object, action, effect } = rule else { return None };
    let effect = match effect {
        Effect::Allow => "permit",
        Effect::Deny => "forbid",
    };
    let action = if action.is_any() { "action".to_owned() } else { format!("action == Action::\"{action}\"") };
    let object = match object.as_str().strip_suffix("/*") {
        Some(prefix) => format!("resource in Below::\"{prefix}\""),
        None => format!("resource == Object::\"{object}\""),
    };
    let text = format!("{effect}(principal in Subject::\"{subject}\", {action}, {object});");
    Some(Policy::parse(Some(PolicyId::new(n.to_string())), text).map_err(Into::into))
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(kind.parse()?, cedar_policy::EntityId::new(id)))
}

fn request(request: &Request) -> Result<cedar_policy::Request> {
    let principal = uid("Subject", &request.subject.to_string())?;
    let (action, object) = (uid("Action", request.action.as_str())?, uid("Object", request.object.as_str())?);
    Ok(cedar_policy::Request::new(principal, action, object, Context::empty(), None)?)
}

/// Returns the subjects with what they hold, and the objects that are asked about.
fn entities(rules: &[Rule], requests: &[Request]) -> Result<Entities> {
    let mut parents: HashMap<EntityUid, HashSet<EntityUid>> = HashMap::new();
    for rule in rules {
        if let Rule::Membership { member, role } = rule {
            let (member, role) = (uid("Subject", &member.to_string())?, uid("Subject", &role.to_string())?);
            parents.entry(member).or_default().insert(role);
        }
    }
    for object in requests.iter().map(|request| &request.object) {
        let below = above(object.as_str()).map(|prefix| uid("Below", prefix)).collect::<Result<_>>()?;
        parents.insert(uid("Object", object.as_str())?, below);
    }
    let entities = parents.into_iter().map(|(uid, parents)| Entity::new_no_attrs(uid, parents));
    Ok(Entities::from_entities(entities, None)?)
}
