//! Bailiwick: a multi-tenant RBAC platform on Casbin. Who may do what is asked by host
//! applications, kept by each tenant's administrators, and decided on every instance from memory.
//!
//! # A tour of the house
//!
//! From the ground up; each layer knows only those above it in this list that
//! `tests/architecture.rs` allows.
//!
//! - [`error`]: the one error and its codes, below everything
//! - [`turns`]: turns at what few can do together, shared by tenants or by addresses
//! - [`domain`]: tenants, users, profiles, groups, roles and resources as pure types, with the
//!   rules they keep; a change is a method of [`domain::tenant::TenantState`]
//! - [`config`]: the settings, and the catalogue of what can be granted
//! - [`policy`]: [`policy::compile::compile`] makes a tenant's Casbin rules from its state, and
//!   nothing else makes any
//! - [`engine`]: `model.conf` as a plan, one tenant's rules as an immutable snapshot, decisions
//! - [`store`]: the database, a tenant at a time
//! - [`sync`]: how instances hear of each other's changes
//! - [`mail`]: what is mailed to people, and how
//! - [`auth`]: passwords, tokens, and the [`auth::caller::Caller`] that every use case asks for
//! - [`service`]: the use cases
//! - [`graphql`] and [`http`]: how clients reach them
//! - [`app`]: puts an instance together; [`cli`]: the command line; [`demo`]: a tenant to look around in
//!
//! A concept has the same file name in each layer: `group.rs`, `profile.rs`, `user.rs`.
//!
//! # Two travels
//!
//! **A change**: a resolver of [`graphql`] parses its input into domain types and calls the
//! service, which asks the caller's own snapshot for a permit ([`service::access::permit`]).
//! [`service::change`] takes the tenant in the database, applies the domain's method to a copy of
//! the state, compiles it, and writes rows, the rules' difference, the revision and the audit event
//! in one transaction. After the commit the difference makes the next snapshot here, and the
//! tenant's new counters are published.
//!
//! **A check**: [`service::ask::decision`] takes the tenant's snapshot from [`service::runtime::policy_cache`] and
//! asks [`engine::tenant`]. No lock, no I/O: it costs by the subject's roles and the object's depth.
//!
//! # Where to begin
//!
//! Read [`domain::profile`] for the product's rules, [`policy::compile`] for what they become, and
//! [`engine::plan`] for how they are matched. `docs/RULES.md` lists the product's rules with the tests that prove them.

pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod error;
pub mod graphql;
pub mod http;
pub mod mail;
pub mod policy;
pub mod service;
pub mod store;
pub mod sync;
pub mod turns;
