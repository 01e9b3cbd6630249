//! Health of the database as it reports it itself: its time, and whether it takes a change.

use sea_orm::ConnectionTrait;
use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use tokio::time::timeout;
use uuid::Uuid;

use super::{LOCK_TIMEOUT, Store, too_slow};
use crate::domain::key::TenantId;
use crate::domain::name::Timestamp;
use crate::error::{Error, Result};

const PROBES: &str = "write_probes";
const ID: &str = "id";
const AT: &str = "at";
const FILLER: &str = "filler";
/// Number of ids that fill a page of a database: a disk on which they fit into no new page is full.
const FILLER_IDS: usize = 256;
/// Time for which the row of an instance that asks no more stays.
const KEPT_SECONDS: i64 = 24 * 3600;

impl Store {
    /// Returns what time the database says it is. `SQLite` has no clock but the machine's.
    pub async fn now(&self) -> Result<Timestamp> {
        let micros = match self.db.get_database_backend() {
            DbBackend::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            _ => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        };
        let query = Query::select().expr_as(Expr::cust(micros), AT).take();
        let row = timeout(LOCK_TIMEOUT, self.db.query_one(&query)).await.map_err(|_| too_slow())??;
        let row = row.ok_or_else(|| Error::internal("the database does not say what time it is"))?;
        Ok(Timestamp(row.try_get("", AT)?))
    }

    /// Writes a little and commits it, as a change does, so that a database that can only be read, or
    /// has no room left, tells.
    pub async fn probe(&self, instance: Uuid, now: Timestamp) -> Result<()> {
        timeout(LOCK_TIMEOUT, self.write_probe(instance, now)).await.map_err(|_| too_slow())?
    }

    async fn write_probe(&self, instance: Uuid, now: Timestamp) -> Result<()> {
        // What can be pressed together says nothing of room.
        let filler: Vec<u8> =
            std::iter::repeat_with(|| Uuid::new_v4().into_bytes()).take(FILLER_IDS).flatten().collect();
        let mut own = Query::insert();
        own.into_table(PROBES)
            .columns([ID, AT, FILLER])
            .values([instance.into(), now.0.into(), filler.into()])
            .map_err(Error::internal)?
            .on_conflict(OnConflict::column(ID).update_columns([AT, FILLER]).to_owned());
        let mut gone = Query::delete();
        gone.from_table(PROBES).and_where(Expr::col(AT).lt(now.plus_seconds(-KEPT_SECONDS).0));
        let db = self.begin_writing(TenantId(Uuid::nil())).await?;
        db.execute(&own).await?;
        db.execute(&gone).await?;
        Ok(db.commit().await?)
    }
}
