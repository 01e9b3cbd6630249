//! Limits on one document. The transports check every document here before the executor sees it, over HTTP and over a
//! WebSocket alike; limits that need the schema ([`COMPLEXITY`] and the directives) the schema checks itself, once it
//! is built with [`limit`].
//!
//! A fragment counts each time it is used and is measured once, so a document whose fragments
//! double at every step is refused for what it would become, at the price of its text. The limits of `async-graphql` on
//! depth and complexity walk a fragment each time it is used: they alone would pay that document's full price.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Name, Positioned, Request, SchemaBuilder, ServerError};

use crate::turns::Bounds;

mod measure;

use measure::{Cost, measure};

/// Bytes of an HTTP request's body.
pub const BODY: usize = 1024 * 1024;
/// Longest time for an HTTP request's body to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request's body with files: more than the largest file that an operation takes, so
/// that the operation itself can say that one is too large.
pub const UPLOAD: usize = 9 * 1024 * 1024;
/// Files of one operation.
pub const FILES: usize = 4;
/// Requests with files under way, by tenant: each may hold [`UPLOAD`] bytes.
pub const UPLOADS: Bounds =
    Bounds { together: 32, each: 8, waiting: 128, waiting_each: 16, patience: Duration::from_secs(5) };
/// Pictures on their way to their readers, by tenant: each is in memory meanwhile.
pub const PICTURES: Bounds =
    Bounds { together: 32, each: 8, waiting: 256, waiting_each: 64, patience: Duration::from_secs(5) };
/// Longest time for a request's body with files to arrive.
pub const UPLOAD_TIME: Duration = Duration::from_mins(2);
/// Bytes of one WebSocket message.
pub const MESSAGE: usize = 64 * 1024;
/// Operations of one batch.
pub const BATCH: usize = 10;
/// Operations under way on one WebSocket.
pub const OPERATIONS: usize = 64;
/// Bytes of a document; the parser takes about a microsecond for each.
pub const DOCUMENT: usize = 128 * 1024;
/// Bytes of a document of a caller who has not signed in: more than the usual introspection query has.
pub const STRANGERS_DOCUMENT: usize = 4 * 1024;
/// Bytes of a request's body without a bearer token.
pub const STRANGERS_BODY: usize = 16 * 1024;
/// Brackets of any kind open at once. The parser's stack grows with each and has no bound of
/// its own: some thousands of `[` would end the process.
pub const BRACKETS: usize = 100;
/// Selection sets inside one another, fragments included.
pub const NESTING: usize = 32;
/// Fields inside one another. What stands below `__schema` and `__type` is not counted, so that
/// the usual introspection query passes; [`INTROSPECTION`] bounds it.
pub const DEPTH: usize = 12;
/// Fields of a document.
pub const FIELDS: usize = 2_000;
/// Fields with an alias of a document.
pub const ALIASES: usize = 100;
/// Fields at the root of one operation.
pub const ROOT_FIELDS: usize = 50;
/// Lists of the introspection types inside one another: each multiplies the answer by the size
/// of the schema, and the usual introspection query needs two.
pub const INTROSPECTION: usize = 3;
/// Values that introspection can be answered with, by the sizes of a schema like this one: more than the
/// usual introspection query asks for, and less than twice as many.
pub const INTROSPECTED: usize = 1_000_000;
/// Complexity of an operation, by the schema's own measure: about the values that its answer can hold.
/// A page of 100 users with the names of what each holds and is in passes, as do 100 profiles with the
/// icons of all modules, and the whole catalogue; such an answer takes some megabytes and 50 ms.
pub const COMPLEXITY: usize = 25_000;
/// Complexity of all operations of a batch together: a batch costs no more than one operation may.
pub const BATCH_COMPLEXITY: u64 = COMPLEXITY as u64;
/// Directives on one field.
pub const DIRECTIVES: usize = 5;

/// Message of async-graphql for an operation over [`COMPLEXITY`].
const TOO_COMPLEX: &str = "Query is too complex.";

/// Sets the limits that a schema has to hold itself.
#[must_use]
pub fn limit<Q, M, S>(schema: SchemaBuilder<Q, M, S>) -> SchemaBuilder<Q, M, S> {
    schema.limit_complexity(COMPLEXITY).limit_directives(DIRECTIVES).limit_recursive_depth(NESTING)
}

/// Complexity that the operations of one batch share, at most [`BATCH_COMPLEXITY`].
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    /// Takes the complexity of one operation out of it, which is refused when there is not as much left.
    pub(super) fn take(&self, complexity: u64) -> Result<(), ServerError> {
        let taken = |spent: u64| spent.checked_add(complexity).filter(|spent| *spent <= BATCH_COMPLEXITY);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(()),
            Err(_) => {
                refuse("the complexity of the batch so far and of this operation is higher than allowed", COMPLEXITY)
            }
        }
    }
}

/// Returns the message for the caller, where the library's own does not name the limit.
pub(super) fn named(message: &str) -> Option<String> {
    (message == TOO_COMPLEX).then(|| over("the complexity of the operation is higher than allowed", COMPLEXITY))
}

/// Parses the request's document and holds it against the limits. It may ask for the schema itself
/// where `introspection` is switched on. Tells of each operation whether it asks for the schema.
pub(super) fn check(
    request: &mut Request,
    introspection: bool,
) -> Result<(&ExecutableDocument, Introspections), ServerError> {
    check_text(&request.query)?;
    let document = request.parsed_query()?;
    let (whole, each) = measure(document)?;
    if whole.introspects && !introspection {
        return Err(ServerError::new(
            "this installation does not tell its schema: introspection is switched off",
            None,
        ));
    }
    let names = document.operations.iter().map(|(name, _)| name.cloned());
    let of = |cost: Cost| Introspects::of(cost.introspects, cost.only_introspects);
    Ok((document, Introspections(names.zip(each.into_iter().map(of)).collect())))
}

/// Introspection by each operation of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Introspections(Vec<(Option<Name>, Introspects)>);

impl Introspections {
    /// Tells it of the operation that the executor will choose; nothing where it will choose none.
    pub(super) fn of(&self, name: Option<&str>) -> Introspects {
        let found = match (name, self.0.as_slice()) {
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|(own, _)| own.as_deref() == Some(name)).map(|(_, asks)| asks),
        };
        found.copied().unwrap_or(Introspects::Nothing)
    }
}

/// Extent to which an operation asks for the schema itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Introspects {
    /// Nothing.
    Nothing,
    /// Something, among other things.
    Something,
    /// Nothing else.
    Alone,
}

impl Introspects {
    const fn of(something: bool, alone: bool) -> Self {
        match (something, alone) {
            (false, _) => Self::Nothing,
            (true, false) => Self::Something,
            (true, true) => Self::Alone,
        }
    }
}

/// Holds a document of a caller who has not signed in against the limit of its own.
pub(super) fn check_strangers(text: &str) -> Result<(), ServerError> {
    at_most(STRANGERS_DOCUMENT, text.len(), "sign in first: the document has too many bytes for a caller who has not")
}

/// Returns the type of the operation that the executor will choose; none when it finds none to run.
pub(super) fn selected(document: &ExecutableDocument, name: Option<&str>) -> Option<OperationType> {
    chosen(document, name).map(|(_, operation)| operation.node.ty)
}

/// Returns the operation that the executor will choose, with its name.
pub(super) fn chosen<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<(Option<&'a Name>, &'a Positioned<OperationDefinition>)> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some((None, operation)),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get_key_value(name).map(|(name, operation)| (Some(name), operation))
        }
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.iter().next().map(|(name, operation)| (Some(name), operation))
        }
        _ => None,
    }
}

fn over(what: &str, limit: usize) -> String {
    format!("{what}; the limit is {limit}")
}

fn refuse<T>(what: &str, limit: usize) -> Result<T, ServerError> {
    Err(ServerError::new(over(what, limit), None))
}

fn at_most(limit: usize, count: usize, what: &str) -> Result<(), ServerError> {
    if count > limit { refuse(what, limit) } else { Ok(()) }
}

/// Checks the limits that must hold before the parser sees the text.
fn check_text(text: &str) -> Result<(), ServerError> {
    at_most(DOCUMENT, text.len(), "the document has too many bytes")?;
    at_most(BRACKETS, deepest_bracket(text), "too many brackets are open at once in the document")
}

/// Returns the most brackets that are open at once, not counting those in strings and comments.
fn deepest_bracket(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut rest = text;
    while let Some(at) = rest.find(['{', '[', '(', '}', ']', ')', '"', '#']) {
        let (_, found) = rest.split_at(at);
        rest = found.get(1..).unwrap_or_default();
        match found.as_bytes().first() {
            Some(b'{' | b'[' | b'(') => open += 1,
            Some(b'#') => rest = rest.find(['\n', '\r']).and_then(|end| rest.get(end..)).unwrap_or_default(),
            Some(b'"') => rest = after_string(found),
            _ => open = open.saturating_sub(1),
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Returns the text after the string that `text` begins with; nothing when the string does not end, since then the
/// parser gets no further either. A block string without an end is an empty string to the parser, and a quote.
fn after_string(text: &str) -> &str {
    let block = text.strip_prefix("\"\"\"").and_then(after_block);
    block.or_else(|| after_plain(text.strip_prefix('"')?)).unwrap_or_default()
}

fn after_block(mut text: &str) -> Option<&str> {
    loop {
        let (inside, after) = text.split_once("\"\"\"")?;
        if !inside.ends_with('\\') {
            return Some(after);
        }
        text = after;
    }
}

fn after_plain(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some(characters.as_str()),
            '\\' => drop(characters.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(document: &str) -> Option<String> {
        check(&mut Request::new(document), true).err().map(|error| error.message)
    }

    fn assert_refused(document: &str, why: &str) {
        let message = refusal(document).unwrap_or_else(|| panic!("passed: {document:.60}"));
        assert!(message.contains(why), "{message}");
    }

    fn each(count: usize, text: impl Fn(usize) -> String) -> String {
        (0..count).map(text).collect::<Vec<_>>().concat()
    }

    fn nested(depth: usize) -> String {
        format!("{}a{}", "{a".repeat(depth - 1) + "{", "}".repeat(depth))
    }

    #[test]
    fn what_a_batch_has_left_is_for_whichever_operation_still_fits() {
        let budget = Budget::default();
        assert!(budget.take(BATCH_COMPLEXITY - 10).is_ok());
        let refused = budget.take(11).unwrap_err();
        assert!(refused.message.contains("the limit is 25000"), "{}", refused.message);
        assert!(budget.clone().take(10).is_ok());
        assert!(budget.take(1).is_err() && budget.take(u64::MAX).is_err() && budget.take(0).is_ok());
    }

    #[test]
    fn twelve_fields_inside_one_another_pass_and_thirteen_do_not() {
        assert_eq!(refusal(&nested(12)), None);
        assert_refused(&nested(13), "the limit is 12");
    }

    #[test]
    fn fragments_do_not_hide_depth() {
        let document = "{a{...F}} fragment F on A {a{a{a{a{a{...G}}}}}} fragment G on A {a{a{a{a{a{a{a}}}}}}}";
        assert_refused(document, "the limit is 12");
    }

    #[test]
    fn a_hundred_aliases_pass_and_one_more_does_not() {
        let aliases = |count: usize| format!("{{x{{{}}}}}", each(count, |n| format!("a{n}:a ")));
        assert_eq!(refusal(&aliases(100)), None);
        assert_refused(&aliases(101), "the limit is 100");
    }

    #[test]
    fn aliases_of_a_fragment_count_at_each_use() {
        let uses = |count: usize| format!("{{{}}} fragment F on A {{a:x b:x}}", "x{...F}".repeat(count));
        assert_eq!(refusal(&uses(50)), None);
        assert_refused(&uses(51), "an operation has too many fields at its root");
        let spread = |count: usize| format!("{{x{{{}}}}} fragment F on A {{a:x b:x}}", "...F ".repeat(count));
        assert_refused(&spread(51), "too many aliases");
    }

    #[test]
    fn fifty_root_fields_pass_and_one_more_does_not() {
        assert_eq!(refusal(&format!("{{{}}}", "a ".repeat(50))), None);
        assert_refused(&format!("{{{}...F}} fragment F on Q {{a}}", "a ".repeat(50)), "the limit is 50");
    }

    #[test]
    fn a_fragment_bomb_is_refused_for_what_it_would_become() {
        let step = |n: usize| format!("fragment F{n} on A {{a {{...F{m} ...F{m}}}}} ", m = n + 1);
        let bomb = each(9, step);
        assert_refused(&format!("{{...F0}} {bomb} fragment F9 on A {{b c d}}"), "too many fields");
        let flat = each(30, |n| format!("fragment F{n} on A {{...F{m} ...F{m}}} ", m = n + 1));
        assert_refused(&format!("{{...F0}} {flat} fragment F30 on A {{b}}"), "the limit is");
    }

    #[test]
    fn long_chains_of_fragments_are_refused_also_when_nothing_uses_them() {
        let chain = each(2000, |n| format!("fragment F{n} on A {{...F{}}} ", n + 1));
        assert_refused(&format!("{{a}} {chain} fragment F2000 on A {{a}}"), "the limit is 32");
    }

    #[test]
    fn a_fragment_that_contains_itself_is_refused() {
        assert_refused("{...F} fragment F on A {a{...G}} fragment G on A {...F}", "contains itself");
    }

    #[test]
    fn brackets_are_counted_before_the_parser_sees_them() {
        let list = |depth: usize| format!("{{a(x:{}1{})}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refusal(&list(98)), None);
        assert_refused(&list(99), "the limit is 100");
        assert_refused(&list(50_000), "the limit is 100");
    }

    #[test]
    fn brackets_in_strings_and_comments_neither_open_nor_close() {
        for (text, deepest) in [
            ("{a(x: \"[[[[\")}", 2),
            ("{a(x: \"\\\"[[[[\")}", 2),
            ("{a(x: \"\"\"[[ \\\"\"\" [[ \" [[\"\"\" y: [1])}", 3),
            ("{a # {{{{ \" {{\n b {c}}", 2),
            ("{[(\"]]]\"[", 4),
            ("{[(\"\"[\"\\\\\"[", 5),
            ("{[(#]]]\r[", 4),
            ("{\"\"\"\"[\"\"\" [", 2),
            ("[\"\"\"[[[\" [[[[", 5),
            ("]]}}{", 1),
        ] {
            assert_eq!(deepest_bracket(text), deepest, "{text}");
        }
    }

    #[test]
    fn a_long_document_is_refused_before_it_is_parsed() {
        assert_refused(&format!("{{a}}{}", " ".repeat(DOCUMENT)), "too many bytes");
    }

    #[test]
    fn introspection_may_be_deep_but_not_multiply() {
        let of_type = "type{ofType{ofType{ofType{ofType{ofType{ofType{ofType{name}}}}}}}}";
        assert_eq!(refusal(&format!("{{__schema{{types{{fields{{args{{{of_type}}}}}}}}}}}")), None);
        assert_refused("{__schema{types{fields{type{fields{type{fields{name}}}}}}}}", "introspection");
        let hidden =
            "{__type(name:\"A\"){...F}} fragment F on __Type {fields{type{fields{type{fields{type{fields{name}}}}}}}}";
        assert_refused(hidden, "introspection");
        assert_eq!(refusal("{types{fields{fields{fields{fields}}}}}"), None);
    }

    #[test]
    fn the_schema_is_told_only_where_that_is_switched_on() {
        for document in [
            "{__schema{types{name}}}",
            "{a __type(name:\"A\"){name}}",
            "{a{...F}} fragment F on A {b{__schema{types{name}}}}",
        ] {
            assert_eq!(refusal(document), None);
            let refused = check(&mut Request::new(document), false).unwrap_err();
            assert!(refused.message.contains("introspection is switched off"), "{document}");
        }
        assert!(check(&mut Request::new("{__typename a{__typename}}"), false).is_ok());
    }

    #[test]
    fn the_operation_that_will_run_says_whether_the_schema_is_asked_for() {
        let of = |document: &str, name: Option<&str>| check(&mut Request::new(document), true).unwrap().1.of(name);
        let both =
            "query A {a} query B {...F} query C {a __schema{types{name}}} fragment F on Q {__schema{types{name}}}";
        assert_eq!(of(both, Some("A")), Introspects::Nothing);
        assert_eq!(of(both, Some("B")), Introspects::Alone);
        assert_eq!(of(both, Some("C")), Introspects::Something);
        assert_eq!((of(both, None), of(both, Some("D"))), (Introspects::Nothing, Introspects::Nothing));
        assert_eq!(of("{__schema{types{name}}}", None), Introspects::Alone);
    }

    #[test]
    fn the_operation_that_will_run_is_the_one_that_counts() {
        let kind = |document: &str, name: Option<&str>| {
            let mut request = Request::new(document);
            selected(check(&mut request, true).unwrap().0, name)
        };
        let both = "query A {a} mutation B {a}";
        assert_eq!(kind(both, Some("A")), Some(OperationType::Query));
        assert_eq!(kind(both, Some("B")), Some(OperationType::Mutation));
        assert_eq!(kind(both, None), None);
        assert_eq!(kind(both, Some("C")), None);
        assert_eq!(kind("mutation {a}", None), Some(OperationType::Mutation));
        assert_eq!(kind("mutation B {a}", None), Some(OperationType::Mutation));
    }
}
