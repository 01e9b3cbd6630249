//! Bailiwick: a multi-tenant RBAC platform on Casbin.

pub mod domain;
pub mod engine;
pub mod error;
pub mod policy;
