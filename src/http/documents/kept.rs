//! A document that is kept, with what becomes of it: whoever runs its operations finds them as they were
//! brought into the form in which they run.

use std::any::TypeId;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Data, Name};

use crate::http::limits::Introspections;

/// Bytes of text for each field at the least: so much shorter no text of a field is, and only fragments that
/// are used again and again come to more.
const BYTES_OF_FIELD: usize = 2;

/// A document, which has been found to be within the limits.
pub(in crate::http) struct Kept {
    pub(in crate::http) document: ExecutableDocument,
    pub(super) introspections: Introspections,
    /// The most fields of a ready form that is remembered: it takes no more memory than the document.
    fields: usize,
    /// The ready form of each of its operations, once one has been run.
    ready: Vec<(Option<Name>, OnceLock<ExecutableDocument>)>,
}

impl Kept {
    pub(super) fn new(text: &str, document: ExecutableDocument, introspections: Introspections) -> Self {
        let ready = document.operations.iter().map(|(name, _)| (name.cloned(), OnceLock::new())).collect();
        Self { document, introspections, fields: text.len() / BYTES_OF_FIELD, ready }
    }

    /// Returns the document that an operation was let in with, if it is kept.
    pub(in crate::http) fn of(data: &Data) -> Option<Arc<Self>> {
        data.get(&TypeId::of::<Arc<Self>>())?.downcast_ref().cloned()
    }

    /// Returns the ready form of the operation of this name; of the only one without.
    pub(in crate::http) fn ready(&self, name: Option<&str>) -> Option<&ExecutableDocument> {
        self.slot(name)?.get()
    }

    /// Remembers the ready form of an operation, which depends on nothing but the document. Of long ones it
    /// remembers nothing.
    pub(in crate::http) fn remember(&self, name: Option<&str>, ready: &ExecutableDocument) {
        let fields = |set: &SelectionSet| count(set, self.fields);
        let fits = ready.operations.iter().all(|(_, one)| fields(&one.node.selection_set.node) <= self.fields);
        if let Some(slot) = self.slot(name).filter(|_| fits) {
            slot.get_or_init(|| ready.clone());
        }
    }

    fn slot(&self, name: Option<&str>) -> Option<&OnceLock<ExecutableDocument>> {
        match (name, self.ready.as_slice()) {
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|(own, _)| own.as_deref() == Some(name)).map(|(_, slot)| slot),
        }
    }
}

/// Counts the selections of a set, no further than just beyond `most`.
fn count(set: &SelectionSet, most: usize) -> usize {
    let mut all = 0;
    for item in &set.items {
        if all > most {
            break;
        }
        all += 1;
        all += match &item.node {
            Selection::Field(field) => count(&field.node.selection_set.node, most),
            Selection::InlineFragment(inline) => count(&inline.node.selection_set.node, most),
            Selection::FragmentSpread(_) => 0,
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn kept(text: &str) -> Kept {
        Kept::new(text, parse_query(text).unwrap(), Introspections::default())
    }

    #[test]
    fn each_operation_has_a_ready_form_of_its_own() {
        let kept = kept("query A {a} query B {b}");
        let ready = parse_query("query A {a}").unwrap();
        kept.remember(Some("A"), &ready);
        kept.remember(None, &ready);
        assert!(kept.ready(Some("A")).is_some());
        assert!(kept.ready(Some("B")).is_none() && kept.ready(None).is_none() && kept.ready(Some("C")).is_none());
    }

    #[test]
    fn a_form_that_is_longer_than_its_document_is_not_remembered() {
        let kept = kept("{a}");
        kept.remember(None, &parse_query("{a b}").unwrap());
        assert!(kept.ready(None).is_none());
        kept.remember(None, &parse_query("{a}").unwrap());
        assert!(kept.ready(None).is_some());
    }
}
