//! An oracle: casbin's own Enforcer over the same rules. It scans every rule for each request, and is right by
//! definition; tests and verifications compare snapshots with it.

use std::borrow::Borrow;

use casbin::{Adapter, CoreApi, DefaultModel, Enforcer, MemoryAdapter};

use super::plan::{Plan, PlanError};
use crate::domain::key::{Action, Object, TenantKey};
use crate::policy::rule::{Rule, Subject};

/// Reasons for the oracle to give no answer.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// The model cannot be planned. The Enforcer would panic on some of these models, so none is tried.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The Enforcer refused the rules or the request.
    #[error("casbin: {0}")]
    Casbin(#[from] casbin::Error),
}

/// A `casbin::Enforcer` over one tenant's rules.
pub struct Oracle {
    enforcer: Enforcer,
    plan: Plan,
    tenant: TenantKey,
}

impl Oracle {
    /// Builds an Enforcer with the model of this text and these rules of `tenant`.
    pub async fn new(
        model: &str,
        tenant: &TenantKey,
        rules: impl IntoIterator<Item = impl Borrow<Rule>>,
    ) -> Result<Self, OracleError> {
        let plan = Plan::from_model(model)?;
        let mut adapter = MemoryAdapter::default();
        for rule in rules {
            let ptype = rule.borrow().ptype();
            if let Some(line) = plan.policy_line(rule.borrow(), tenant) {
                adapter.add_policy(ptype, ptype, line).await?;
            }
        }
        let enforcer = Enforcer::new(DefaultModel::from_str(model).await?, adapter).await?;
        Ok(Self { enforcer, plan, tenant: tenant.clone() })
    }

    /// Decides whether `subject` may do `action` on `object`.
    pub fn decide(&self, subject: &Subject, object: &Object, action: &Action) -> Result<bool, OracleError> {
        Ok(self.enforcer.enforce(self.plan.request_line(&self.tenant, subject, object, action))?)
    }
}
