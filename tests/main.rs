//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod architecture;
mod catalogue;
mod cli;
mod common;
mod costs;
mod decision;
mod demo;
mod engine;
mod history;
mod http;
mod instances;
mod operations;
mod profile;
mod races;
mod real_input;
mod rights;
mod rules;
mod schema;
mod servers;
mod session;
mod store;
mod sync;
mod tenant;
mod user;
