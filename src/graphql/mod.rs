//! The GraphQL face: the schema over the services, a file per concept. Resolvers parse what
//! comes in, call one use case, and show what comes out. They check nothing and query nothing.

//~ mod catalogue;
//~ mod context;
//~ mod decision;
pub mod error;
//~ mod group;
//~ mod input;
//~ mod loaders;
//~ mod menu;
//~ mod node;
//~ mod page;
//~ mod payload;
//~ mod policy;
//~ mod profile;
//~ mod resource;
//~ mod role;
//~ mod scalar;
//~ mod schema;
//~ mod session;
//~ mod tenant;
//~ mod user;

//~ pub use context::request_data;
//~ pub use schema::{Mutation, Query, Schema, Subscription, build, sdl};
