//! The compiled policy: its rules, their history, their verification, and other Casbin programs.

pub mod casbin;
pub mod difference;
pub mod history;
pub mod import;
pub mod promises;
pub mod rules;
pub mod verify;
