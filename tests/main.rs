//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod common;
mod engine;
mod history;
mod http;
mod operations;
mod rules;
mod schema;
mod session;
mod store;
mod sync;
