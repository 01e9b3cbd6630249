//! The decision engine. Pure and synchronous: no lock, no I/O, nothing async but the building
//! of the [`oracle`], which is casbin's own Enforcer.
//!
//! `model.conf` is the truth about how rules match. `layout` reads it once and turns its matcher into look-ups, for
//! which an `index` is laid out. Two ways lead there: a [`plan`] and the [`snapshot`] of one tenant's rules at one
//! revision, and [`casbin_policy`], which take any model and policy of the family of Casbin models. [`decide`] asks a snapshot
//! about one object and [`reach`] about all objects below a path; [`search`] asks for all users or all objects at once,
//! and [`explain`] names the rules behind an answer; [`impact`] compares two snapshots; [`tenant`] gives the answer its
//! reason and obligations. The cost of a decision depends on the subject's roles and the object's depth, not on the
//! number of rules, and that of the next snapshot on what a change touches. The [`oracle`] answers the same questions
//! the slow way, and the two must always agree.

pub mod casbin_policy;
mod change;
pub mod decide;
pub mod explain;
mod expression;
pub mod foreign;
mod held;
pub mod impact;
mod index;
mod interner;
mod layout;
mod matcher;
pub mod oracle;
mod patterns;
mod permissions;
mod persistent_vec;
pub mod plan;
pub mod reach;
mod residual;
mod roles;
mod rules;
pub mod search;
pub mod snapshot;
pub mod tenant;

pub use casbin_policy::{LineError, LinePolicy};
pub use decide::Verdict;
pub use oracle::{Oracle, OracleError};
pub use plan::{Plan, PlanError};
pub use rules::RuleId;
pub use snapshot::Snapshot;

/// The built-in model: the text of the project's `model.conf`.
pub const MODEL: &str = include_str!("../../model.conf");
