//! Who calls, and from where: passwords, tokens, and the [`Caller`](caller::Caller) that every use
//! case asks for; and the names of those who must not be known.

pub mod address;
pub mod caller;
pub mod password;
pub mod pseudonym;
pub mod token;
