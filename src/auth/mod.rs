//! Callers and their origin: passwords, tokens, and the [`Caller`](caller::Caller) that every use case asks for; and
//! the pseudonyms of users whose identity must not be known.

pub mod address;
pub mod caller;
pub mod password;
pub mod pseudonym;
pub mod token;
