//! Connections: pages of a list, with opaque cursors.

use async_graphql::SimpleObject;
use futures_util::future::BoxFuture;

use super::cost;
use crate::auth::caller::Caller;
use crate::error::{Error, Result};
use crate::service::{PAGE_DEFAULT, PAGE_MAX, Page, Platform};

/// The place of a page in its list.
#[derive(Debug, Clone, SimpleObject)]
pub struct PageInfo {
    /// `true` if the list goes on after this page.
    pub has_next_page: bool,
    /// `true` if the list has items before this page.
    pub has_previous_page: bool,
    /// Cursor of the first item of this page.
    pub start_cursor: Option<String>,
    /// Cursor of the last item of this page.
    pub end_cursor: Option<String>,
}

/// Parses the arguments that choose a page of a list.
pub(super) fn page(first: Option<i32>, after: Option<&str>, last: Option<i32>, before: Option<&str>) -> Result<Page> {
    let size = |count: Option<i32>, name: &str| {
        count.map(u64::try_from).transpose().map_err(|_| Error::bad_input(format!("`{name}` is at least 1")).at(name))
    };
    Page::parse(size(first, "first")?, after, size(last, "last")?, before)
}

/// Cost of looking a page up, whatever it holds: pages of items that are nested in another page are looked up one by
/// one.
const LOOK_UP: usize = 25;

/// Returns the cost of a page: the number of items that it can hold, times the cost of one.
pub(super) fn page_cost(first: Option<i32>, last: Option<i32>, child: usize) -> usize {
    let asked = first.or(last).and_then(|count| u64::try_from(count).ok()).unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
    cost::list(usize::try_from(asked).unwrap_or(usize::MAX), child).saturating_add(LOOK_UP)
}

/// Returns the number of items wanted of a list that is cut off, not paged.
pub(super) fn cut(first: Option<i32>, default: usize) -> Result<usize> {
    let Some(first) = first else { return Ok(default) };
    let allowed = |first: &u64| (1..=PAGE_MAX).contains(first);
    let wanted = u64::try_from(first).ok().filter(allowed).and_then(|first| usize::try_from(first).ok());
    wanted.ok_or_else(|| Error::bad_input(format!("`first` is 1 to {PAGE_MAX}")).at("first"))
}

/// Returns the cost of a list that is cut off, not paged.
pub(super) fn cut_cost(first: Option<i32>, default: usize, child: usize) -> usize {
    cost::list(cut(first, default).unwrap_or(default), child)
}

/// A function that counts a whole list, called only if a client asks for the count.
pub(super) type Counter = Box<dyn Fn(Platform, Caller) -> BoxFuture<'static, Result<u64>> + Send + Sync>;

/// Returns a counter of a list whose length is known.
pub(super) fn known(count: usize) -> Counter {
    Box::new(move |_, _| Box::pin(async move { Ok(count as u64) }))
}

/// Cost of counting a list that is searched: the count goes through all data of the tenant.
pub(super) const SEARCH: usize = 20;

/// Declares a connection type with its edge; counting its list costs almost nothing, unless a cost is given.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty, $what:literal) => {
        connection!($connection, $edge, $node, $what, "1");
    };
    ($connection:ident, $edge:ident, $node:ty, $what:literal, $count:tt) => {
        #[doc = concat!("A page of a list of ", $what, ".")]
        #[derive(async_graphql::SimpleObject)]
        #[graphql(complex)]
        pub struct $connection {
            /// Items of this page, each with its cursor.
            #[graphql(complexity = "child_complexity")]
            edges: Vec<$edge>,
            /// Place of this page in the list.
            page_info: $crate::graphql::page::PageInfo,
            #[graphql(skip)]
            count: $crate::graphql::page::Counter,
        }

        #[doc = concat!("One of a list of ", $what, ", with its place.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $edge {
            /// Opaque place of the item in the list, for `after` and `before`.
            cursor: String,
            /// Item of the list.
            node: $node,
        }

        #[async_graphql::ComplexObject]
        impl $connection {
            /// Items of this page.
            #[graphql(complexity = "child_complexity")]
            async fn nodes(&self) -> Vec<&$node> {
                self.edges.iter().map(|edge| &edge.node).collect()
            }

            /// Number of items in the whole list; counted only when asked for.
            #[graphql(complexity = $count)]
            async fn total_count(&self, ctx: &async_graphql::Context<'_>) -> $crate::error::Result<i32> {
                let (platform, caller) = $crate::graphql::context::caller(ctx)?;
                (self.count)(platform.clone(), caller.clone()).await.map($crate::graphql::scalar::int)
            }
        }

        impl $connection {
            /// Creates the connection from the store's page.
            pub(in $crate::graphql) fn new<T>(
                page: $crate::service::PageOf<T>,
                to_node: impl Fn(T) -> $node,
                count: $crate::graphql::page::Counter,
            ) -> Self {
                let edges: Vec<$edge> = page
                    .items
                    .into_iter()
                    .map(|(cursor, item)| $edge { cursor: cursor.to_string(), node: to_node(item) })
                    .collect();
                let page_info = $crate::graphql::page::PageInfo {
                    has_next_page: page.has_next,
                    has_previous_page: page.has_previous,
                    start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                    end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                };
                Self { edges, page_info, count }
            }
        }
    };
}
pub(super) use connection;
