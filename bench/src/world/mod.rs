//! What is measured on: tenants made from a seed through the domain's own methods and compiler, so
//! that their rules are those that the product would write; and organisations from role mining.

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
    /// Who.
    pub(crate) subject: Subject,
    /// On what.
    pub(crate) object: Object,
    /// Does what.
    pub(crate) action: Action,
}

/// A tenant with its rules.
pub(crate) struct World {
    /// Its state.
    pub(crate) state: TenantState,
    /// Its rules with their origins.
    pub(crate) compiled: Compiled,
}

impl World {
    /// Compiles a state.
    pub(crate) fn compile(catalogue: &Catalogue, state: TenantState) -> Result<Self> {
        let compiled = compile(catalogue, &state)?;
        Ok(Self { state, compiled })
    }

    /// A tenant of about so many rules, half of them `p` and half `g`.
    pub(crate) fn of_size(catalogue: &Catalogue, key: &str, rules: usize) -> Result<Self> {
        Self::compile(catalogue, tenant::generate(catalogue, TenantKey::parse(key)?, rules)?)
    }

    /// The rules in the order of exports.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        self.compiled.keys().cloned().collect()
    }

    /// How many `p` and how many `g` rules there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let permissions = self.compiled.keys().filter(|rule| rule.ptype() == "p").count();
        (permissions, self.compiled.len() - permissions)
    }
}

/// The catalogue that the product comes with.
pub(crate) fn built_in() -> Result<Catalogue> {
    Ok(catalogue::built_in()?)
}

/// The sizes of a fleet of tenants by a power law, the largest first: `rules` in all.
pub(crate) fn fleet(tenants: usize, rules: usize) -> Vec<usize> {
    power_law(tenants, 1.0, rules, tenant::LEAST)
}
