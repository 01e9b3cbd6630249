//! A reach as a filter of rows. It may name more keys than a statement has places for values
//! (`SQLite` stops at 32 766, `PostgreSQL` at 65 535), so all of them travel as one: a JSON list.

use sea_orm::sea_query::{Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, DatabaseConnection, DbBackend};

use crate::policy::reach::Reach;

/// Rows whose `column` is a key in reach.
pub(super) fn within<C: ColumnTrait>(db: &DatabaseConnection, column: C, reach: &Reach) -> Expr {
    let column = Expr::col(column.as_column_ref());
    let (Reach::Only(keys) | Reach::AllBut(keys)) = reach;
    let rows = match db.get_database_backend() {
        DbBackend::Sqlite => "json_each",
        _ => "jsonb_array_elements_text",
    };
    let list = Func::cust(rows).arg(Expr::val(serde_json::json!(keys)));
    // Both functions give a column of this name.
    let listed = Query::select().column("value").from_function(list, "listed").take();
    match reach {
        Reach::Only(_) => column.in_subquery(listed),
        Reach::AllBut(_) => column.not_in_subquery(listed),
    }
}
