//! Bailiwick: a multi-tenant RBAC platform on Casbin.

pub mod domain;
pub mod error;
pub mod policy;
pub mod store;
