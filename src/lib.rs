//! Bailiwick: a multi-tenant RBAC platform on Casbin.

pub mod config;
pub mod domain;
pub mod error;
pub mod policy;
