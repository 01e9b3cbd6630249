//! The documents that clients send again and again. To parse one costs several times what most
//! operations do, and a client has a few, whose variables change: so they are kept as parsed. Those
//! with a mutation are not, as a password may stand in them; nor those with any text in them, which is
//! somebody's data, and comes but once.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, ServerError};
use moka::sync::Cache;

use super::desk::{Desk, Sender};
use super::errors::shown;
use super::gate::ActingIn;
use super::limits::{self, Introspects};
use super::operation::{Parameters, Source};
use super::persisted::PersistedQueries;
use crate::auth::address::ClientAddress;

mod kept;

pub(super) use kept::Kept;

/// Bytes of text of all documents that are kept. Parsed, each may take a hundred times as much.
const CACHE_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of the longest that is kept: who sends it can wait for the parser.
const QUERY_BYTES_MAX: usize = 8 * 1024;

/// Documents of queries alone that are within the limits.
#[derive(Clone)]
pub(super) struct Documents {
    /// Parsed documents by their text.
    parsed: Arc<Cache<Arc<str>, Arc<Kept>>>,
    /// Texts of documents by their hashes.
    persisted: PersistedQueries,
    /// `true` if documents may ask for the schema itself.
    introspection: bool,
    /// Desk at which long documents are read.
    desk: Desk,
}

/// A request whose document is parsed and within the limits.
pub(super) struct Opened {
    pub(super) request: Request,
    /// The type of the operation that will run: none when the executor will find that none is selected.
    pub(super) runs: Option<OperationType>,
    /// Extent to which that operation asks for the schema itself.
    pub(super) introspects: Introspects,
    /// The document, if it is one to keep. The request has its text alone then.
    pub(super) kept: Option<Arc<Kept>>,
}

impl Documents {
    /// Returns a store without documents.
    pub(super) fn new(introspection: bool) -> Self {
        let size = |text: &Arc<str>, _: &Arc<Kept>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let parsed = Arc::new(Cache::builder().max_capacity(CACHE_BYTES_MAX).weigher(size).build());
        Self { parsed, persisted: PersistedQueries::new(), introspection, desk: Desk::new() }
    }

    /// Opens a request. Where the caller acts in a tenant, the document may come by its hash; elsewhere
    /// it is short.
    pub(super) async fn open(
        &self,
        parameters: Parameters,
        tenant: Option<ActingIn>,
        address: ClientAddress,
    ) -> Result<Opened, ServerError> {
        let (text, proof) = match parameters.source {
            Source::Text(text) => (text, None),
            Source::Hash(hash) => {
                let text = self.persisted.text(tenant, hash).map_err(|error| shown(&error))?;
                (text.as_ref().to_owned(), None)
            }
            Source::Both(text, hash) => (text, Some(hash)),
        };
        if tenant.is_none() {
            limits::check_strangers(&text)?;
        }
        let mut request = Request::new(text).variables(parameters.variables);
        request.operation_name = parameters.operation_name;
        request.extensions = parameters.extensions;
        let opened = self.read(request, &Sender::new(tenant, address)).await?;
        if let Some(hash) = proof {
            hash.verify(&opened.request.query).map_err(|error| shown(&error))?;
            if let Some(tenant) = tenant.filter(|_| opened.kept.is_some()) {
                self.persisted.keep(tenant, hash, &opened.request.query);
            }
        }
        Ok(opened)
    }

    async fn read(&self, request: Request, sender: &Sender) -> Result<Opened, ServerError> {
        if let Some(kept) = self.parsed.get(request.query.as_str()) {
            let name = request.operation_name.as_deref();
            let runs = limits::selected(&kept.document, name);
            let introspects = kept.introspections.of(name);
            return Ok(Opened { request, runs, introspects, kept: Some(kept) });
        }
        let own = self.clone();
        let opened = self.desk.work(sender, request.query.len(), move || own.check(request)).await;
        opened.map_err(|error| shown(&error))?
    }

    /// Gives the request its document, and keeps it when it is one to keep.
    fn check(&self, mut request: Request) -> Result<Opened, ServerError> {
        let name = request.operation_name.clone();
        let general = request.query.len() <= QUERY_BYTES_MAX && !request.query.contains('"');
        let (document, introspections) = limits::check(&mut request, self.introspection)?;
        let runs = limits::selected(document, name.as_deref());
        let mut operations = document.operations.iter();
        let general = general && operations.all(|(_, operation)| operation.node.ty == OperationType::Query);
        let introspects = introspections.of(name.as_deref());
        let kept = general.then(|| document.clone());
        let kept = kept.map(|document| Arc::new(Kept::new(&request.query, document, introspections)));
        if let Some(kept) = &kept {
            self.parsed.insert(request.query.as_str().into(), Arc::clone(kept));
        }
        Ok(Opened { request, runs, introspects, kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks as the transports do; what is selected, and how many documents are kept after it.
    fn ask(documents: &Documents, text: &str, operation: Option<&str>) -> (Option<OperationType>, u64) {
        let mut request = Request::new(text);
        request.operation_name = operation.map(str::to_owned);
        let opened = documents.check(request).unwrap();
        documents.parsed.run_pending_tasks();
        (opened.runs, documents.parsed.entry_count())
    }

    #[test]
    fn a_document_is_kept_once_whatever_runs_of_it() {
        let documents = Documents::new(true);
        let both = "query A {a} query B {a}";
        for _ in 0..2 {
            assert_eq!(ask(&documents, both, Some("A")), (Some(OperationType::Query), 1));
            assert_eq!(ask(&documents, both, Some("B")), (Some(OperationType::Query), 1));
            assert_eq!(ask(&documents, both, None), (None, 1));
        }
        assert_eq!(ask(&documents, "{a}", None), (Some(OperationType::Query), 2));
    }

    #[test]
    fn a_document_in_which_a_password_may_stand_is_not_kept() {
        let documents = Documents::new(true);
        let sign_in = "mutation S {sessionCreate(input: {password: \"hush\"}) {token}}";
        for _ in 0..2 {
            assert_eq!(ask(&documents, sign_in, None), (Some(OperationType::Mutation), 0));
            assert_eq!(
                ask(&documents, &format!("query A {{a}} {sign_in}"), Some("A")),
                (Some(OperationType::Query), 0)
            );
        }
    }

    #[test]
    fn a_document_with_somebodys_data_is_not_kept() {
        let documents = Documents::new(true);
        for _ in 0..2 {
            assert_eq!(ask(&documents, r#"{user(key: "dana") {name}}"#, None), (Some(OperationType::Query), 0));
        }
    }

    #[test]
    fn what_is_refused_is_refused_each_time_and_not_kept() {
        let documents = Documents::new(true);
        for _ in 0..2 {
            for text in ["{a", "{a{a{a{a{a{a{a{a{a{a{a{a{a}}}}}}}}}}}}}"] {
                assert!(documents.check(Request::new(text)).is_err(), "{text}");
            }
        }
        documents.parsed.run_pending_tasks();
        assert_eq!(documents.parsed.entry_count(), 0);
    }

    #[test]
    fn long_documents_and_too_many_are_not_kept() {
        let documents = Documents::new(true);
        assert_eq!(ask(&documents, &format!("{{a}}{}", " ".repeat(QUERY_BYTES_MAX)), None).1, 0);
        for n in 0..100 {
            ask(&documents, &format!("{{a}}{}", " ".repeat(QUERY_BYTES_MAX - 100 + n)), None);
        }
        assert!(documents.parsed.weighted_size() <= CACHE_BYTES_MAX, "{}", documents.parsed.weighted_size());
    }
}
