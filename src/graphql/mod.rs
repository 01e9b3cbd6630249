//! The GraphQL face: the schema over the services, a file per concept.

pub mod error;
