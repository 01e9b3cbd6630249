//! Rego by regorus, in the form that Open Policy Agent's documentation gives role-based access: the roles of each user,
//! closed over groups, and the grants of each role, which the policy goes through.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::policy::rule::{Rule, Subject};
use regorus::Value;
use serde_json::json;

use super::Engine;
use crate::result::Result;
use crate::world::Request;

/// The engine's name in the report.
pub(crate) const NAME: &str = "Rego (regorus)";
const RULE: &str = "data.rbac.allow";
const POLICY: &str = r#"
package rbac
import rego.v1

default allow := false
allow if {
    "allow" in effects
    not "deny" in effects
}
effects contains grant.effect if {
    some role in data.roles[input.subject]
    some grant in data.grants[role]
    acts(grant)
    covers(grant)
}
acts(grant) if grant.action == input.action
acts(grant) if grant.action == "*"
covers(grant) if grant.object == input.object
covers(grant) if {
    grant.below
    startswith(input.object, grant.below)
}
"#;

/// The interpreter, with requests in its form.
pub(crate) struct Rego {
    engine: regorus::Engine,
    requests: Vec<Value>,
}

impl Rego {
    /// Translates rules and requests.
    pub(crate) fn build(rules: &[Rule], requests: &[Request]) -> Result<Self> {
        let mut engine = regorus::Engine::new();
        engine.add_policy("rbac.rego".to_owned(), POLICY.to_owned())?;
        engine.add_data(Value::from_json_str(&data(rules).to_string())?)?;
        let input = |request: &Request| {
            let input = json!({
                "subject": request.subject.to_string(), "object": request.object.as_str(),
                "action": request.action.as_str(),
            });
            Ok(Value::from_json_str(&input.to_string())?)
        };
        Ok(Self { engine, requests: requests.iter().map(input).collect::<Result<_>>()? })
    }
}

impl Engine for Rego {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        let mut allowed = 0;
        for request in requests.iter().filter_map(|at| self.requests.get(*at)) {
            self.engine.set_input(request.clone());
            allowed += usize::from(self.engine.eval_rule(RULE.to_owned())? == Value::Bool(true));
        }
        Ok(allowed)
    }
}

fn data(rules: &[Rule]) -> serde_json::Value {
    let mut held: BTreeMap<&Subject, Vec<&Subject>> = BTreeMap::new();
    let mut grants: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for rule in rules {
        match rule {
            Rule::Membership { member, role } => held.entry(member).or_default().push(role),
            Rule::Permission { subject, object, action, effect } => {
                let (action, effect) = (action.as_str(), effect.as_ref());
                let grant = match object.prefix() {
                    Some(below) => json!({ "below": below, "action": action, "effect": effect }),
                    None => json!({ "object": object.as_str(), "action": action, "effect": effect }),
                };
                grants.entry(subject.to_string()).or_default().push(grant);
            }
        }
    }
    let users = held.keys().filter(|member| matches!(member, Subject::User(_)));
    let roles: BTreeMap<String, BTreeSet<String>> =
        users.map(|user| (user.to_string(), closure(user, &held).iter().map(ToString::to_string).collect())).collect();
    json!({ "roles": roles, "grants": grants })
}

/// Returns the user and all that they hold.
fn closure<'a>(user: &'a Subject, held: &BTreeMap<&'a Subject, Vec<&'a Subject>>) -> BTreeSet<&'a Subject> {
    let mut all = BTreeSet::from([user]);
    let mut open = vec![user];
    while let Some(next) = open.pop() {
        for role in held.get(next).into_iter().flatten() {
            if all.insert(role) {
                open.push(role);
            }
        }
    }
    all
}
