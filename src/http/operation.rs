//! Request parameters of GraphQL over HTTP, out of a JSON body or a query string. Their types are checked here; the
//! document itself is not looked at.

use async_graphql::{Extensions, Variables};
use axum::extract::Query;
use axum::http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::limits;
use super::persisted::DocumentHash;
use crate::error::{Error, Result};

/// The parameters of one operation.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawParameters")]
pub(super) struct Parameters {
    pub(super) source: Source,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Variables,
    pub(super) extensions: Extensions,
}

/// Form in which the document comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Text(String),
    /// Hash of a document that was sent before.
    Hash(DocumentHash),
    /// Document with the hash that it will come by, which is not verified yet.
    Both(String, DocumentHash),
}

/// The parameters as they are written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with `query`")]
struct RawParameters {
    query: Option<String>,
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    extensions: Option<Extensions>,
}

impl TryFrom<RawParameters> for Parameters {
    type Error = Error;

    fn try_from(written: RawParameters) -> Result<Self> {
        let hash = DocumentHash::named_in(written.extensions.as_ref())?;
        let source = match (written.query, hash) {
            (Some(text), None) => Source::Text(text),
            (Some(text), Some(hash)) if !text.is_empty() => Source::Both(text, hash),
            (_, Some(hash)) => Source::Hash(hash),
            (None, None) => return Err(Error::bad_input("the parameter `query` is missing")),
        };
        let RawParameters { operation_name, variables, extensions, .. } = written;
        Ok(Self { source, operation_name, variables, extensions: extensions.unwrap_or_default() })
    }
}

impl Parameters {
    /// Returns the variables, to put files into.
    pub(super) fn variables_mut(&mut self) -> &mut Variables {
        &mut self.variables
    }
}

/// Operations that one HTTP request asks for. A batch is answered as a list, also when it holds one.
#[derive(Debug)]
pub(super) enum GraphqlRequest {
    One(Parameters),
    Batch(Vec<Parameters>),
}

impl GraphqlRequest {
    /// Reads the operations out of the body of a POST.
    pub(super) fn from_body(body: &[u8]) -> Result<Self> {
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
            return json(body, "the body").map(Self::One);
        }
        let batch: Vec<Parameters> = json(body, "the body")?;
        match batch.len() {
            0 => Err(Error::bad_input("the batch is empty")),
            1..=limits::BATCH => Ok(Self::Batch(batch)),
            many => {
                Err(Error::bad_input(format!("the batch has {many} operations; at most {} are allowed", limits::BATCH)))
            }
        }
    }

    /// Reads the operation out of the query string of a GET.
    pub(super) fn from_query(uri: &Uri) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Pairs {
            query: Option<String>,
            operation_name: Option<String>,
            variables: Option<String>,
            extensions: Option<String>,
        }
        let Query(pairs) = Query::<Pairs>::try_from_uri(uri)
            .map_err(|error| Error::bad_input(format!("the query string cannot be read: {error}")))?;
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        let variables = present(pairs.variables).map(|text| json(text.as_bytes(), "`variables`")).transpose()?;
        let extensions = present(pairs.extensions).map(|text| json(text.as_bytes(), "`extensions`")).transpose()?;
        let written = RawParameters {
            query: pairs.query,
            operation_name: present(pairs.operation_name),
            variables: variables.unwrap_or_default(),
            extensions,
        };
        written.try_into().map(Self::One)
    }
}

/// Reads JSON from a caller; `what` it is stands in the error.
pub(super) fn json<T: DeserializeOwned>(text: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| Error::bad_input(format!("{what} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(value: &serde_json::Value) -> Result<GraphqlRequest> {
        GraphqlRequest::from_body(value.to_string().as_bytes())
    }

    #[test]
    fn null_parameters_count_as_absent() {
        let asked = body(&json!({"query": "{a}", "variables": null, "operationName": null, "extensions": null}));
        assert!(matches!(asked, Ok(GraphqlRequest::One(_))));
    }

    #[test]
    fn parameters_of_the_wrong_type_are_refused() {
        for wrong in [json!(0), json!(false), json!(["array"])] {
            for parameter in ["query", "operationName", "variables", "extensions"] {
                let mut parameters = json!({"query": "{a}"});
                parameters[parameter] = wrong.clone();
                assert!(body(&parameters).is_err(), "{parameters}");
            }
        }
        assert!(body(&json!({"query": null})).is_err());
        assert!(body(&json!({"query": "{a}", "variables": "text"})).is_err());
    }

    #[test]
    fn a_document_may_come_by_its_hash() {
        let hash = "ab".repeat(32);
        let named = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
        for body_of in [json!({"extensions": named}), json!({"query": null, "extensions": named})] {
            let GraphqlRequest::One(operation) = body(&body_of).unwrap() else { panic!("one was asked for") };
            assert!(matches!(operation.source, Source::Hash(_)));
        }
        let GraphqlRequest::One(both) = body(&json!({"query": "{a}", "extensions": named})).unwrap() else {
            panic!("one")
        };
        assert!(matches!(both.source, Source::Both(text, _) if text == "{a}"));
        for wrong in
            [json!({}), json!(1), json!({"version": 2, "sha256Hash": hash}), json!({"version": 1, "sha256Hash": "ab"})]
        {
            assert!(body(&json!({"query": "{a}", "extensions": {"persistedQuery": wrong}})).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_batch_holds_one_to_ten_operations() {
        for (size, fits) in [(0, false), (1, true), (10, true), (11, false)] {
            assert_eq!(body(&json!(vec![json!({"query": "{a}"}); size])).is_ok(), fits, "{size}");
        }
    }

    #[test]
    fn a_query_string_carries_variables_as_json() {
        let uri = "/graphql?query=%7Ba%7D&operationName=&variables=%7B%22n%22%3A1%7D".parse().unwrap();
        let GraphqlRequest::One(operation) = GraphqlRequest::from_query(&uri).unwrap() else {
            panic!("one was asked for")
        };
        assert_eq!(operation.source, Source::Text("{a}".to_owned()));
        assert_eq!(operation.operation_name, None);
        assert_eq!(operation.variables.get("n"), Some(&async_graphql::Value::from(1)));
        assert!(GraphqlRequest::from_query(&"/graphql?query=a&query=b".parse().unwrap()).is_err());
        assert!(GraphqlRequest::from_query(&"/graphql?query=a&variables=[]".parse().unwrap()).is_err());
        assert!(GraphqlRequest::from_query(&"/graphql".parse().unwrap()).is_err());
    }
}
