//! Queries that clients name by their SHA-256 in place of their text, as Apollo's do: automatic
//! persisted queries. A hash that nobody here knows is answered `PersistedQueryNotFound`, and the
//! client sends the text with it; from then on the hash is enough.
//!
//! Nothing is lost by forgetting one, so little is kept: queries with nobody's data in them, which
//! callers have sent who had signed in, for their own tenant. So a stranger fills nothing, and nobody
//! learns by a hash what another tenant asks. The extension of `async-graphql` is not used: its cache has one hash for
//! all, and takes any document before it is known who sends it.

use std::sync::Arc;

use async_graphql::{Extensions, Value};
use data_encoding::HEXLOWER_PERMISSIVE;
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::gate::ActingIn;
use crate::error::{Error, ErrorCode, Result};

/// Bytes of text of all queries that are kept.
const CACHE_BYTES_MAX: u64 = 256 * 1024;
/// The least that a query counts, so that their number is bounded too: by 1024.
const ENTRY_BYTES_MIN: usize = 256;

/// The SHA-256 of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DocumentHash([u8; 32]);

impl DocumentHash {
    /// Returns the hash that the extensions of a request name, if they do.
    pub(super) fn named_in(extensions: Option<&Extensions>) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct PersistedQuery {
            version: u32,
            sha256_hash: String,
        }
        let Some(value) = extensions.and_then(|all| all.get("persistedQuery")) else { return Ok(None) };
        if *value == Value::Null {
            return Ok(None);
        }
        let refused = || Error::bad_input("`persistedQuery` must be `{\"version\": 1, \"sha256Hash\": …}`, in hex");
        let said: PersistedQuery = async_graphql::from_value(value.clone()).map_err(|_| refused())?;
        let hash = Self::parse(&said.sha256_hash).filter(|_| said.version == 1);
        hash.map(Some).ok_or_else(refused)
    }

    fn parse(hex: &str) -> Option<Self> {
        HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// Checks that this is the hash of `text`.
    pub(super) fn verify(self, text: &str) -> Result<()> {
        if self.0 == *Sha256::digest(text) {
            return Ok(());
        }
        Err(Error::bad_input("`sha256Hash` is not the SHA-256 of the document"))
    }
}

/// The queries that are known by their hashes, each tenant's apart.
#[derive(Clone)]
pub(super) struct PersistedQueries(Arc<Cache<(Uuid, DocumentHash), Arc<str>>>);

impl PersistedQueries {
    /// Returns a store without queries.
    pub(super) fn new() -> Self {
        let size = |_: &(Uuid, DocumentHash), text: &Arc<str>| {
            u32::try_from(text.len().max(ENTRY_BYTES_MIN)).unwrap_or(u32::MAX)
        };
        Self(Arc::new(Cache::builder().max_capacity(CACHE_BYTES_MAX).weigher(size).build()))
    }

    /// Returns the text of a query, for a caller in a tenant that has sent it before.
    ///
    /// # Errors
    /// `PERSISTED_QUERY_NOT_FOUND`, with the message that clients look for.
    pub(super) fn text(&self, tenant: Option<ActingIn>, hash: DocumentHash) -> Result<Arc<str>> {
        let known = tenant.and_then(|tenant| self.0.get(&(tenant.0, hash)));
        known.ok_or_else(|| Error::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound"))
    }

    /// Keeps a query under its hash, which has been verified.
    pub(super) fn keep(&self, tenant: ActingIn, hash: DocumentHash, text: &str) {
        let key = (tenant.0, hash);
        if !self.0.contains_key(&key) {
            self.0.insert(key, text.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_queries_is_bounded_and_so_are_their_bytes() {
        let (short, long) = (String::new(), "x".repeat(8 * 1024));
        for text in [short, long] {
            let (queries, tenant) = (PersistedQueries::new(), ActingIn(Uuid::now_v7()));
            for n in 0..5000_u32 {
                let hash = DocumentHash(Sha256::digest(n.to_be_bytes()).into());
                queries.keep(tenant, hash, &text);
            }
            queries.0.run_pending_tasks();
            assert!(queries.0.entry_count() <= 1024, "{}", queries.0.entry_count());
            assert!(queries.0.entry_count() * text.len() as u64 <= CACHE_BYTES_MAX, "{}", queries.0.entry_count());
        }
    }

    #[test]
    fn a_hash_is_64_digits_in_hex_of_either_case() {
        let hash = |text: &str| DocumentHash::parse(text).is_some();
        assert!(hash(&"aB".repeat(32)) && !hash(&"a".repeat(63)) && !hash(&"g".repeat(64)) && !hash(&"é".repeat(32)));
        assert!(!hash(&"+a".repeat(32)));
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(DocumentHash::parse(empty).unwrap().verify("").is_ok());
        assert!(DocumentHash::parse(empty).unwrap().verify(" ").is_err());
    }
}
