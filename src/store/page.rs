//! Pages of lists: keyset pagination in SQL, so that a page costs the same wherever it stands, and
//! stays where it is while rows come and go before it.

use std::collections::BTreeSet;
use std::fmt;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use sea_orm::sea_query::extension::postgres::PgBinOper;
use sea_orm::sea_query::extension::sqlite::SqliteExpr;
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, Order as Direction};
use sea_orm::{
    ColumnTrait, ColumnType, Condition, ConnectionTrait as _, DbBackend, EntityTrait, ModelTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, Value,
};
use uuid::Uuid;

use super::db::Db;
use super::opaque;
use crate::domain::letters;
use crate::error::{Error, Result};
use crate::policy::reach::KeyRange;

/// Things on a page for which the caller names no number.
pub const PAGE_DEFAULT: u64 = 50;
/// The most things that a page has.
pub const PAGE_MAX: u64 = 100;
/// The most bytes of a cursor: a name of 200 characters and two keys fit in.
const CURSOR_MAX: usize = 4096;
/// The most characters that are searched for.
const SEARCH_MAX: usize = 200;

/// The field by which the cursor of a fixed thing names it.
const HEAD: &str = "head";

/// A place in a list: the values that order the row there. Opaque outside of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(serde_json::Value);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&opaque::seal(self.0.to_string().as_bytes()))
    }
}

impl Cursor {
    /// Reads what [`Display`](fmt::Display) wrote. Whether it fits the list is seen when it is used.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > CURSOR_MAX {
            return Err(bad_cursor());
        }
        let json = opaque::open(text).ok_or_else(bad_cursor)?;
        serde_json::from_slice(&json).map(Self).map_err(|_| bad_cursor())
    }
}

fn bad_cursor() -> Error {
    Error::bad_input("this is not a cursor of this list")
}

/// Part of a list that the caller wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Page {
    first: Option<u64>,
    after: Option<Cursor>,
    last: Option<u64>,
    before: Option<Cursor>,
}

impl Page {
    /// Reads a page: the `first` things after `after`, or the `last` ones before `before`; not both.
    pub fn parse(first: Option<u64>, after: Option<&str>, last: Option<u64>, before: Option<&str>) -> Result<Self> {
        if first.is_some() && last.is_some() {
            return Err(Error::bad_input("`first` and `last` do not go together").at("last"));
        }
        for (size, name) in [(first, "first"), (last, "last")] {
            if size.is_some_and(|size| !(1..=PAGE_MAX).contains(&size)) {
                return Err(Error::bad_input(format!("`{name}` is 1 to {PAGE_MAX}")).at(name));
            }
        }
        let cursor = |text: Option<&str>, name: &str| text.map(Cursor::parse).transpose().map_err(|e| e.at(name));
        Ok(Self { first, after: cursor(after, "after")?, last, before: cursor(before, "before")? })
    }

    /// Returns `true` if the page is taken from the end of the list.
    const fn is_backward(&self) -> bool {
        self.last.is_some() || (self.before.is_some() && self.after.is_none() && self.first.is_none())
    }

    fn limit(&self) -> u64 {
        self.first.or(self.last).unwrap_or(PAGE_DEFAULT)
    }

    /// Returns a page of a list that begins with a few fixed things, `heads` by their keys, and goes on with a list
    /// of the store, of which `rest` gives a page.
    pub async fn with_heads<T, F>(&self, heads: Vec<(&str, T)>, rest: impl FnOnce(Self) -> F) -> Result<PageOf<T>>
    where
        F: Future<Output = Result<PageOf<T>>>,
    {
        let place = |cursor: Option<&Cursor>| {
            let key = cursor.and_then(|cursor| cursor.0.get(HEAD)?.as_str());
            key.map(|key| heads.iter().position(|(head, _)| *head == key).ok_or_else(bad_cursor)).transpose()
        };
        let (after, before) = (place(self.after.as_ref())?, place(self.before.as_ref())?);
        let low = after.map_or_else(|| if self.after.is_some() { heads.len() } else { 0 }, |place| place + 1);
        let high = before.unwrap_or(heads.len());
        let limit = usize::try_from(self.limit()).unwrap_or(usize::MAX);
        let between = high.saturating_sub(low);
        let taken = if self.is_backward() { 0 } else { between.min(limit) };
        // The store's part is asked for even when the heads fill the page: is there more?
        let wanted = (limit - taken).max(1) as u64;
        let rest = if before.is_some() {
            PageOf::empty()
        } else {
            let (first, last) = if self.is_backward() { (None, Some(wanted)) } else { (Some(wanted), None) };
            let after = self.after.clone().filter(|_| after.is_none());
            rest(Self { first, after, last, before: self.before.clone() }).await?
        };
        let head = |(key, item): (&str, T)| (Cursor(serde_json::json!({ HEAD: key })), item);
        let heads = heads.into_iter().skip(low).take(between);
        if self.is_backward() {
            let room = limit.saturating_sub(rest.items.len()).min(between);
            let items: Vec<_> = heads.skip(between - room).map(head).chain(rest.items).collect();
            let has_previous = rest.has_previous || room < between || low > 0;
            return Ok(PageOf { items, has_next: self.before.is_some(), has_previous });
        }
        let full = taken == limit;
        let has_next = taken < between || rest.has_next || (full && !rest.items.is_empty());
        let tail = rest.items.into_iter().take(limit - taken);
        Ok(PageOf {
            items: heads.take(taken).map(head).chain(tail).collect(),
            has_next,
            has_previous: self.after.is_some(),
        })
    }

    /// Returns the part that the page asks for of a list in the order of its keys. The list's cursors name the key by
    /// `field`, and `parse` reads it.
    pub fn part<K>(&self, field: &str, parse: impl Fn(&str) -> Option<K>) -> Result<KeyRange<K>> {
        let place = |cursor: &Option<Cursor>, name: &str| {
            let key = |cursor: &Cursor| cursor.0.get(field)?.as_str().and_then(&parse);
            cursor.as_ref().map(|cursor| key(cursor).ok_or_else(|| bad_cursor().at(name))).transpose()
        };
        let (after, before) = (place(&self.after, "after")?, place(&self.before, "before")?);
        Ok(KeyRange { after, before, backward: self.is_backward() })
    }

    /// Returns the number of things to look for in that part: one more than the page holds, which tells whether there
    /// is more.
    pub fn sought(&self) -> usize {
        usize::try_from(self.limit()).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// Returns the page, given that so many were looked for and these found, in the part's direction.
    pub fn of_part<T>(&self, field: &str, mut found: Vec<T>, key: impl Fn(&T) -> String) -> PageOf<T> {
        let more = found.len() >= self.sought();
        found.truncate(self.sought() - 1);
        if self.is_backward() {
            found.reverse();
        }
        let (has_next, has_previous) =
            if self.is_backward() { (self.before.is_some(), more) } else { (more, self.after.is_some()) };
        let place = |item: T| (Cursor(serde_json::json!({ field: key(&item) })), item);
        PageOf { items: found.into_iter().map(place).collect(), has_next, has_previous }
    }

    /// Returns the page of the first things of a list.
    pub fn first(count: u64) -> Self {
        Self { first: Some(count.clamp(1, PAGE_MAX)), ..Self::default() }
    }
}

/// A part of a list, each thing with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The things, in the order of the list.
    pub items: Vec<(Cursor, T)>,
    /// `true` if there is more after the page.
    pub has_next: bool,
    /// `true` if there is more before the page.
    pub has_previous: bool,
}

impl<T> PageOf<T> {
    /// Returns a page of nothing.
    pub const fn empty() -> Self {
        Self { items: Vec::new(), has_next: false, has_previous: false }
    }

    /// Makes something of each thing, and leaves out the things of which it makes nothing.
    pub fn filter_map<U>(self, mut make: impl FnMut(T) -> Option<U>) -> PageOf<U> {
        let items = self.items.into_iter().filter_map(|(cursor, item)| Some((cursor, make(item)?))).collect();
        PageOf { items, has_next: self.has_next, has_previous: self.has_previous }
    }

    /// Maps each thing on the page with `make`; cursors and flags stay.
    pub fn try_map<U>(self, mut make: impl FnMut(T) -> Result<U>) -> Result<PageOf<U>> {
        let items = self.items.into_iter().map(|(cursor, item)| Ok((cursor, make(item)?))).collect::<Result<_>>()?;
        Ok(PageOf { items, has_next: self.has_next, has_previous: self.has_previous })
    }
}

/// The order of a list: columns that together are unique in it, all in one direction.
#[derive(Debug, Clone)]
pub(super) struct Keyset<C> {
    pub(super) columns: Vec<C>,
    pub(super) descending: bool,
}

impl<C: ColumnTrait> Keyset<C> {
    pub(super) fn ascending(columns: impl Into<Vec<C>>) -> Self {
        Self { columns: columns.into(), descending: false }
    }

    pub(super) fn descending(columns: impl Into<Vec<C>>) -> Self {
        Self { columns: columns.into(), descending: true }
    }

    /// Returns a page of what `select` finds.
    pub(super) async fn page<E>(&self, db: &Db, select: Select<E>, page: &Page) -> Result<PageOf<E::Model>>
    where
        E: EntityTrait<Column = C>,
    {
        let (backward, limit) = (page.is_backward(), page.limit());
        let mut select = select;
        if let Some(after) = &page.after {
            select = select.filter(self.beyond(after, !self.descending).map_err(|error| error.at("after"))?);
        }
        if let Some(before) = &page.before {
            select = select.filter(self.beyond(before, self.descending).map_err(|error| error.at("before"))?);
        }
        let direction = if backward == self.descending { Direction::Asc } else { Direction::Desc };
        for column in &self.columns {
            select = select.order_by(*column, direction.clone());
        }
        // One more than asked for tells whether there is more.
        let mut rows = select.limit(limit + 1).all(db).await?;
        let more = rows.len() as u64 > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        if backward {
            rows.reverse();
        }
        let items = rows.into_iter().map(|row| Ok((self.cursor::<E>(&row)?, row))).collect::<Result<_>>()?;
        let (has_next, has_previous) =
            if backward { (page.before.is_some(), more) } else { (more, page.after.is_some()) };
        Ok(PageOf { items, has_next, has_previous })
    }

    /// Rows past a place: with larger values, or with smaller ones.
    fn beyond(&self, cursor: &Cursor, larger: bool) -> Result<Expr> {
        let values = self.values(cursor)?;
        let row = Expr::tuple(self.columns.iter().map(|column| Expr::col(column.as_column_ref())));
        let place = Expr::tuple(values.into_iter().map(Expr::val));
        Ok(if larger { row.gt(place) } else { row.lt(place) })
    }

    /// Returns the values of a cursor, if it is one of this list: it names the columns that it is for.
    fn values(&self, cursor: &Cursor) -> Result<Vec<Value>> {
        let fields = cursor.0.as_array().filter(|fields| fields.len() == self.columns.len()).ok_or_else(bad_cursor)?;
        let mut values = Vec::with_capacity(fields.len());
        for (column, field) in self.columns.iter().zip(fields) {
            let value = field.get(column.as_str()).ok_or_else(bad_cursor)?;
            values.push(value_of(column.def().get_column_type(), value).ok_or_else(bad_cursor)?);
        }
        Ok(values)
    }

    fn cursor<E: EntityTrait<Column = C>>(&self, row: &E::Model) -> Result<Cursor> {
        let mut fields = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let value = match row.get(*column) {
                Value::String(Some(text)) => serde_json::json!(text),
                Value::BigInt(Some(number)) => serde_json::json!(number),
                Value::Uuid(Some(id)) => serde_json::json!(id),
                _ => return Err(Error::internal(format!("a list cannot be ordered by `{}`", column.as_str()))),
            };
            fields.push(serde_json::json!({ column.as_str(): value }));
        }
        Ok(Cursor(fields.into()))
    }
}

/// Returns a cursor's value for a column of this type. It comes from a stranger: any other is refused, before
/// `PostgreSQL` is asked to compare it.
fn value_of(kind: &ColumnType, json: &serde_json::Value) -> Option<Value> {
    match kind {
        ColumnType::BigInteger => json.as_i64().map(Value::from),
        ColumnType::Uuid => json.as_str()?.parse::<Uuid>().ok().map(Value::from),
        ColumnType::String(_) | ColumnType::Text => json.as_str().filter(|text| !text.contains('\0')).map(Value::from),
        _ => None,
    }
}

/// Finds rows in whose name or in one of whose other columns the text stands, without regard to case; in the name without
/// regard to accents either. `name` is the column of the sort key. Nothing to search for finds everything.
pub(super) fn search_named<C: ColumnTrait>(db: &Db, text: Option<&str>, name: C, others: &[C]) -> Condition {
    let Some(text) = sought(text) else { return Condition::all() };
    let mut found = in_columns(db, &text, others);
    let in_name = letters::searched(&text);
    if !in_name.is_empty() {
        let like = LikeExpr::new(format!("%{}%", escaped(&in_name))).escape(ESCAPE);
        found = found.add(Expr::col(name.as_column_ref()).like(like));
    }
    found
}

/// Finds rows in one of whose columns the text stands, without regard to case. Nothing to search for
/// finds everything.
pub(super) fn search<C: ColumnTrait>(db: &Db, text: Option<&str>, columns: &[C]) -> Condition {
    sought(text).map_or_else(Condition::all, |text| in_columns(db, &text, columns))
}

/// Returns what is searched for, if anything.
fn sought(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    // PostgreSQL takes no NUL in a text, and no name has one.
    Some(text.chars().filter(|c| *c != '\0').take(SEARCH_MAX).collect())
}

fn in_columns<C: ColumnTrait>(db: &Db, text: &str, columns: &[C]) -> Condition {
    let mut found = Condition::any();
    for column in columns {
        let column = Expr::col(column.as_column_ref());
        found = found.add(match db.get_database_backend() {
            DbBackend::Sqlite => SqliteExpr::glob(column, format!("*{}*", in_any_case(text, of_glob))),
            _ => column.binary(PgBinOper::Regex, in_any_case(text, of_regex)),
        });
    }
    found
}

/// Escape before a character that has a meaning in LIKE patterns.
const ESCAPE: char = '\\';

fn escaped(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | ESCAPE) {
            literal.push(ESCAPE);
        }
        literal.push(c);
    }
    literal
}

/// Returns a pattern for the text in which each letter stands in all its cases. The databases' own ways of that know
/// the letters of ASCII alone, or those of the locale that they were set up with.
fn in_any_case(text: &str, literal: fn(char) -> String) -> String {
    let pattern = |c: char| {
        let mut cases = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        cases.case_fold_simple();
        let cases: BTreeSet<char> = cases.ranges().iter().flat_map(|range| range.start()..=range.end()).collect();
        if cases.len() == 1 { literal(c) } else { format!("[{}]", String::from_iter(cases)) }
    };
    text.chars().map(pattern).collect()
}

/// Writes a sign that means something to GLOB in brackets, where it stands for itself.
fn of_glob(c: char) -> String {
    if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() }
}

/// Writes a sign that may mean something to a regular expression behind a backslash, where it stands for itself.
fn of_regex(c: char) -> String {
    if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }
}
