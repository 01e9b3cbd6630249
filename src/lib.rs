//! Bailiwick: a multi-tenant RBAC platform on Casbin.

pub mod app;
pub mod auth;
pub mod config;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod error;
pub mod graphql;
pub mod http;
pub mod policy;
pub mod service;
pub mod store;
pub mod sync;
