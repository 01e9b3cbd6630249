//! The tests of Bailiwick, in one program: it links once, and its tests share one `PostgreSQL`.
#![cfg(test)]

mod architecture;
mod authzen;
mod bad_input;
mod border;
mod catalogue;
mod cli;
mod climbing;
mod common;
mod costs;
mod decision;
mod demo;
mod engine;
mod group;
mod history;
mod http;
mod instances;
mod operations;
mod permit;
mod policy;
mod profile;
mod races;
mod real_input;
mod resource;
mod rights;
mod role;
mod rules;
mod schema;
mod servers;
mod session;
mod store;
mod sync;
mod tenant;
mod user;
