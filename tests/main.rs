//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod catalogue;
mod common;
mod decision;
mod engine;
mod history;
mod http;
mod operations;
mod profile;
mod rules;
mod schema;
mod session;
mod store;
mod sync;
mod tenant;
mod user;
