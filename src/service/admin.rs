//! Administration: users, profiles, groups, roles, resources and tenants, and the log of their changes.

pub(in crate::service) mod agent;
pub mod api_key;
pub mod audit;
pub mod avatar;
pub mod bulk;
pub mod grant;
pub mod group;
pub mod profile;
pub mod resource;
pub mod role;
pub mod tenant;
pub mod user;
