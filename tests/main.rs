//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod architecture;
mod common;
mod engine;
mod history;
mod http;
mod rules;
mod session;
mod store;
mod sync;
