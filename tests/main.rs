//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod bad_input;
mod border;
mod catalogue;
mod common;
mod decision;
mod engine;
mod group;
mod history;
mod http;
mod operations;
mod permit;
mod policy;
mod profile;
mod resource;
mod rights;
mod role;
mod rules;
mod schema;
mod session;
mod store;
mod sync;
mod tenant;
mod user;
