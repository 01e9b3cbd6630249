//! A reach as a filter of rows. It may name more keys than a statement has places for values
//! (`SQLite` stops at 32 766, `PostgreSQL` at 65 535), so all of them travel as one: a JSON list.

use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend};

use super::db::Db;
use crate::policy::reach::Reach;

/// Rows whose `column` is a key in reach.
pub(super) fn within<C: ColumnTrait>(db: &Db, column: C, reach: &Reach) -> Expr {
    let column = Expr::col(column.as_column_ref());
    match reach {
        Reach::Only(keys) => column.in_subquery(listed(db, &serde_json::json!(keys))),
        Reach::AllBut(keys) => column.not_in_subquery(listed(db, &serde_json::json!(keys))),
    }
}

/// Returns a query for the texts of a JSON list, as rows.
pub(super) fn listed(db: &impl ConnectionTrait, texts: &serde_json::Value) -> SelectStatement {
    let rows = match db.get_database_backend() {
        DbBackend::Sqlite => "json_each",
        _ => "jsonb_array_elements_text",
    };
    let list = Func::cust(rows).arg(Expr::val(texts.clone()));
    // Both functions give a column of this name.
    Query::select().column("value").from_function(list, "listed").take()
}
