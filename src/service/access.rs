//! Access: who the caller is, and what they can do.

pub(in crate::service) mod credential;
pub mod escalation;
pub(in crate::service) mod failure;
pub mod password;
pub mod permit;
pub mod session;
pub mod throttle;
pub(in crate::service) mod unseen;
