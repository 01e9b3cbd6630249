#![cfg(test)]
//! All suites in one program: it links once, and its tests share one PostgreSQL.

mod common;
mod engine;
mod rules;
mod sync;
