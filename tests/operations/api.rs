//! `docs/API.md`: every part of the schema in words, and each operation as it ran. The page is made of the schema, of
//! `graphql/operations` and of `docs/PERMISSIONS.md`, which describe the API.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    DocumentOperations, FieldDefinition, OperationType, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql::parser::{parse_query, types::OperationDefinition};

use crate::common::operations::document;
use example::Example;
use permissions::Permissions;

pub(super) mod example;
mod permissions;
mod types;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md");
/// The variable that makes the page anew, if it is set to `write`; otherwise the page is checked.
const MODE: &str = "BAILIWICK_API";

const OPENING: &str = "\
# The GraphQL API

Made by `make api` from `graphql/schema.graphql`, `graphql/operations` and
[PERMISSIONS.md](PERMISSIONS.md). `make test` runs every example and fails when its answer is not
the one below.

`POST /graphql` takes `{\"query\": …, \"variables\": …}` as JSON, and files by the GraphQL multipart
request specification; `GET` takes queries alone. Subscriptions go over `/graphql/ws` in the protocol
`graphql-transport-ws`. The credential is `Authorization: Bearer TOKEN`: a session's, or an API key. A
query that comes again may be named by its SHA-256 (`extensions.persistedQuery`), as Apollo's clients do.

What a mutation refuses stands in its `userErrors`, and nothing was changed then. Everything else that
fails stands in `errors`, with a code of [ErrorCode](#errorcode) and the request's id in `extensions`.
A `revision` in an answer is the policy's version that the answer or the change was made at; a decision asked
with `atLeastRevision` is never older than it.

In the examples, `<id>`, `<time>`, `<cursor>`, `<token>`, `<prefix>` and `<pseudonym>` stand for what differs each
time, and `…` for what was left out of a long answer. They ran one after the other, on a tenant
made for them.
";

/// Checks that the page is the one that would be made now, or makes it.
pub(super) fn holds(examples: &BTreeMap<String, Example>) {
    let page = page(examples);
    if std::env::var(MODE).is_ok_and(|mode| mode == "write") {
        return std::fs::write(PAGE, page).unwrap();
    }
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    let first = kept.lines().zip(page.lines()).find(|(kept, made)| kept != made);
    assert!(kept == page, "docs/API.md is out of date: run `make api`; the first difference: {first:#?}");
}

fn page(examples: &BTreeMap<String, Example>) -> String {
    let sdl = bailiwick::graphql::sdl();
    let types: Vec<_> = parse_schema(&sdl)
        .unwrap()
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some(ty.node),
            _ => None,
        })
        .collect();
    let permissions = Permissions::read();
    let documents: Vec<_> = examples.iter().map(|(name, example)| Document::read(name, example)).collect();
    let mut page = OPENING.to_owned();
    let kinds = [
        ("Queries", "Query", OperationType::Query),
        ("Mutations", "Mutation", OperationType::Mutation),
        ("Subscriptions", "Subscription", OperationType::Subscription),
    ];
    for (_, root, _) in kinds {
        contents(&mut page, root, fields(&types, root));
    }
    for (title, root, kind) in kinds {
        write!(page, "\n## {title}\n").unwrap();
        for field in fields(&types, root) {
            operation(&mut page, root, field);
            page.push_str(&permissions.needed(&field.name.node));
            let own: Vec<_> = documents.iter().filter(|one| one.is_of(kind, &field.name.node)).collect();
            assert!(!own.is_empty(), "`{}` has no example: write a document in graphql/operations", field.name.node);
            for one in own {
                one.show(&mut page);
            }
        }
    }
    types::describe(&mut page, &types.iter().filter(|ty| !kinds.iter().any(|(_, root, _)| ty.name.node == *root)));
    page
}

/// Returns the fields of a root type.
fn fields<'a>(types: &'a [TypeDefinition], root: &str) -> impl Iterator<Item = &'a FieldDefinition> {
    let ty = types.iter().find(|ty| ty.name.node == root).unwrap();
    let TypeKind::Object(object) = &ty.kind else { panic!("{root} is no object") };
    object.fields.iter().map(|field| &field.node)
}

fn contents<'a>(page: &mut String, root: &str, fields: impl Iterator<Item = &'a FieldDefinition>) {
    let kind = root.to_lowercase();
    let names =
        fields.map(|field| format!("[{name}](#{kind}-{})", field.name.node.to_lowercase(), name = field.name.node));
    write!(page, "\n**{root}:** {}\n", names.collect::<Vec<_>>().join(" · ")).unwrap();
}

fn operation(page: &mut String, root: &str, field: &FieldDefinition) {
    write!(page, "\n### {} {}\n\n{}\n", root.to_lowercase(), field.name.node, types::text(field.description.as_ref()))
        .unwrap();
    if !field.arguments.is_empty() {
        page.push_str("\n| argument | type | |\n|---|---|---|\n");
        field.arguments.iter().for_each(|argument| page.push_str(&types::input(&argument.node)));
    }
    write!(page, "\nAnswers {}.\n", types::link(&field.ty.node)).unwrap();
}

/// A document of `graphql/operations` with its example.
struct Document<'a> {
    text: String,
    operation: OperationDefinition,
    example: &'a Example,
}

impl<'a> Document<'a> {
    fn read(name: &str, example: &'a Example) -> Self {
        let text = document(name);
        let parsed = parse_query(&text).unwrap();
        assert!(parsed.fragments.is_empty(), "{name} has fragments, which nothing here follows");
        let DocumentOperations::Multiple(operations) = parsed.operations else { panic!("{name} has no name inside") };
        let operation = operations.into_values().next().unwrap().node;
        Self { text, operation, example }
    }

    /// Returns whether this is how the root field `name` is used.
    fn is_of(&self, kind: OperationType, name: &str) -> bool {
        self.operation.ty == kind
            && example::asked(&self.operation.selection_set.node).any(|field| field.name.node == name)
    }

    fn show(&self, page: &mut String) {
        let (variables, answer) = self.example.shown(&self.operation.selection_set.node);
        write!(page, "\n```graphql\n{}\n```\n", self.text.trim_end()).unwrap();
        if variables != "{}" {
            write!(page, "```json\n{variables}\n```\n").unwrap();
        }
        write!(page, "answers\n```json\n{answer}\n```\n").unwrap();
    }
}
