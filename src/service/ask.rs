//! Questions about access: decisions, their reasons, searches, and what follows from them.

pub mod decision;
pub mod explain;
pub mod link;
pub mod mask;
pub mod menu;
pub mod pseudonym;
pub mod search;
pub mod shadow;
