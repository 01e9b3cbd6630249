//! The words of the platform as pure types, and the rules they keep. No I/O, no async.

pub mod catalogue;
pub mod key;
