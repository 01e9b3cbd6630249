//! Who calls: passwords, tokens, and the [`Caller`](caller::Caller) that every use case asks for.

pub mod caller;
pub mod password;
pub mod token;
