//! The tenants that are measured: made from a seed through the domain's own methods and compiler, so that their rules
//! are those that the product would write; and organisations from role mining.

pub(crate) mod organisation;
pub(crate) mod requests;
pub(crate) mod tenant;

use bailiwick::config::catalogue;
use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::key::{Action, Object, TenantKey};
use bailiwick::domain::tenant::TenantState;
use bailiwick::policy::compile::{Compiled, compile};
use bailiwick::policy::rule::{Rule, Subject};

use crate::random::power_law;
use crate::result::Result;

/// The seed of all that is made here.
pub(crate) const SEED: u64 = 0x6261_696c_6977_6963;

/// A request for a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    /// The subject.
    pub(crate) subject: Subject,
    /// The object.
    pub(crate) object: Object,
    /// The action.
    pub(crate) action: Action,
}

/// A tenant with its rules.
pub(crate) struct World {
    /// The tenant's state.
    pub(crate) state: TenantState,
    /// The tenant's rules with their origins.
    pub(crate) compiled: Compiled,
}

impl World {
    /// Compiles a state.
    pub(crate) fn compile(catalogue: &Catalogue, state: TenantState) -> Result<Self> {
        let compiled = compile(catalogue, &state)?;
        Ok(Self { state, compiled })
    }

    /// Makes a tenant of about so many rules, half of them `p` and half `g`.
    pub(crate) fn of_size(catalogue: &Catalogue, key: &str, rules: usize) -> Result<Self> {
        Self::compile(catalogue, tenant::generate(catalogue, TenantKey::parse(key)?, rules)?)
    }

    /// Returns the rules in the order of exports.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        self.compiled.keys().cloned().collect()
    }

    /// Returns the numbers of `p` and of `g` rules.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let permissions = self.compiled.keys().filter(|rule| rule.ptype() == "p").count();
        (permissions, self.compiled.len() - permissions)
    }
}

/// Returns the catalogue that the product comes with.
pub(crate) fn built_in() -> Result<Catalogue> {
    Ok(catalogue::built_in()?)
}

/// Returns the sizes of a fleet of tenants by a power law, the largest first, with about `rules` rules in all.
pub(crate) fn fleet(tenants: usize, rules: usize) -> Vec<usize> {
    power_law(tenants, 1.0, rules, tenant::LEAST)
}
