//! The GraphQL face: the schema over the services, a file per concept. Resolvers parse what
//! comes in, call one use case, and show what comes out. They check nothing and query nothing.

pub mod audit;
pub mod catalogue;
mod context;
mod cost;
pub mod decision;
pub mod error;
pub mod explain;
pub mod group;
pub mod history;
pub mod impact;
pub mod import;
mod input;
pub mod link;
mod loaders;
pub mod mask;
pub mod menu;
pub mod node;
pub mod page;
pub mod password;
pub mod payload;
pub mod policy;
pub mod profile;
pub mod pseudonym;
pub mod resource;
pub mod role;
pub mod scalar;
pub mod schema;
pub mod search;
pub mod session;
pub mod tenant;
pub mod user;

pub use context::request_data;
pub use cost::Sizes;
pub use schema::{Mutation, Query, Schema, Subscription, build, sdl};
