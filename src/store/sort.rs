//! Sort keys: what names are sorted and searched by. They stand beside the names, made by the program, so that lists
//! are alike on every database.

use std::collections::BTreeMap;

use sea_orm::sea_query::{
    CaseStatement, Expr, ExprTrait, Func, JoinType, LockBehavior, LockType, Order, Query, SelectStatement,
};
use sea_orm::{ConnectionTrait as _, DbErr};
use uuid::Uuid;

use super::db::{Purpose, Transaction};
use super::{Store, while_busy};
use crate::domain::letters;
use crate::error::Result;

/// Names that are given their sort keys at once.
const BATCH: usize = 500;
/// The most sets of names alike that are told of each kind.
const TOLD: u64 = 100;

const SORT_KEY: &str = "sort_key";
const OF: &str = "sort_key_of";

/// The tables with names, each with the column of the name.
const NAMED: [(&str, &str); 6] = [
    ("tenants", "name"),
    ("users", "full_name"),
    ("profiles", "name"),
    ("roles", "name"),
    ("groups", "name"),
    ("resources", "name"),
];
/// Tables with names that are unique in the tenant.
const UNIQUE: [&str; 3] = ["profiles", "roles", "groups"];

impl Store {
    /// Gives the names that an older version wrote their sort keys, a few at a time, and answers how many those
    /// were. What somebody else writes meanwhile is left to the next time.
    pub async fn fill_sort_keys(&self) -> Result<u64> {
        let mut filled = 0;
        for (table, name) in NAMED {
            loop {
                let _permit = self.common_writer().await?;
                let batch = self.fill_some(table, name).await?;
                filled += batch as u64;
                if batch < BATCH {
                    break;
                }
            }
        }
        Ok(filled)
    }

    async fn fill_some(&self, table: &'static str, name: &'static str) -> Result<usize, DbErr> {
        // Many starts find nothing to do, and need not write for that.
        if self.db.query_one(&unsorted(table, name, 1)).await?.is_none() {
            return Ok(0);
        }
        let tx = while_busy(|| self.db.begin(Purpose::Writing)).await?;
        let mut these = unsorted(table, name, BATCH);
        // Whoever changes a tenant has its rows in an order of their own: waiting for one could be for ever.
        these.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let mut names: Vec<(Uuid, String)> = Vec::with_capacity(BATCH);
        for row in tx.query_all(&these).await? {
            names.push((row.try_get("", "id")?, row.try_get("", name)?));
        }
        if !names.is_empty() {
            write(&tx, table, &names).await?;
        }
        tx.commit().await?;
        Ok(names.len())
    }

    /// Tells in the log which profiles, roles and groups have names that are one but for case or form. Older
    /// versions took them for different ones; they stay as they are.
    pub(super) async fn tell_names_alike(&self) -> Result<()> {
        for table in UNIQUE {
            let mut alike: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
            for row in self.db.query_all(&with_same_key(table)).await? {
                let (tenant, name): (String, String) = (row.try_get("", "tenant")?, row.try_get("", "name")?);
                alike.entry((tenant, letters::folded(&name))).or_default().push(name);
            }
            for ((tenant, _), names) in alike.iter().filter(|(_, names)| names.len() > 1) {
                tracing::warn!(
                    tenant,
                    kind = table,
                    names = names.join(", "),
                    "names that differ in case or form alone: rename all but one, no new ones are taken"
                );
            }
        }
        Ok(())
    }
}

/// Returns a query for names without a key of their own.
fn unsorted(table: &'static str, name: &'static str, most: usize) -> SelectStatement {
    Query::select()
        .columns(["id", name])
        .from(table)
        .and_where(Expr::col(OF).ne(Expr::col(name)))
        .limit(most as u64)
        .take()
}

async fn write(tx: &Transaction, table: &'static str, names: &[(Uuid, String)]) -> Result<(), DbErr> {
    let (mut keys, mut of) = (CaseStatement::new(), CaseStatement::new());
    for (id, name) in names {
        keys = keys.case(Expr::col("id").eq(*id), letters::searched(name));
        of = of.case(Expr::col("id").eq(*id), name.as_str());
    }
    let update = Query::update()
        .table(table)
        .value(SORT_KEY, keys.finally(Expr::col(SORT_KEY)))
        .value(OF, of.finally(Expr::col(OF)))
        .and_where(Expr::col("id").is_in(names.iter().map(|(id, _)| *id)))
        .take();
    tx.execute(&update).await.map(drop)
}

/// Returns a query for names that share their sort key with another of their tenant.
fn with_same_key(table: &'static str) -> SelectStatement {
    let shared = Query::select()
        .columns(["tenant_id", SORT_KEY])
        .from(table)
        .group_by_columns(["tenant_id", SORT_KEY])
        .and_having(Expr::from(Func::count(Expr::col("id"))).gt(1))
        .limit(TOLD)
        .take();
    let on = |column: &'static str| Expr::col((table, column)).equals(("shared", column));
    Query::select()
        .expr_as(Expr::col(("tenants", "key")), "tenant")
        .column((table, "name"))
        .from(table)
        .join_subquery(JoinType::InnerJoin, shared, "shared", on("tenant_id").and(on(SORT_KEY)))
        .join(JoinType::InnerJoin, "tenants", Expr::col((table, "tenant_id")).equals(("tenants", "id")))
        .order_by((table, "name"), Order::Asc)
        .take()
}
