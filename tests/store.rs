//! The store, on `SQLite` and `PostgreSQL` alike: everything that is written is read back, and nothing else.

mod away;
mod credential;
mod harness;
mod read;
mod state;
mod world;
