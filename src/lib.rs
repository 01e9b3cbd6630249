//! Bailiwick: a multi-tenant RBAC platform on Casbin.

pub mod domain;
pub mod error;
pub mod graphql;
pub mod http;
pub mod policy;
