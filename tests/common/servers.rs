//! Real `PostgreSQL` and Redis servers, as child processes on loopback ports of their own, so that
//! a test can kill and restart them. None outlives the test program, however that ends.

mod pgbouncer;
mod postgres;
mod process;
mod redis;

pub(crate) use pgbouncer::PgBouncer;
pub(crate) use postgres::PostgresServer;
pub(crate) use redis::RedisServer;
