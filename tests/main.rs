//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod common;
mod engine;
mod http;
mod instances;
mod real_input;
mod rules;
mod servers;
mod session;
mod store;
mod sync;
