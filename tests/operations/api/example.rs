//! An operation as it ran, made fit to be read: in the order in which it was asked for, without the parts that differ
//! each time, and not too long.

use std::sync::LazyLock;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use regex::Regex;
use serde_json::Value;

/// Number of elements of a list that are shown, and of lines of a text.
const SHOWN: usize = 2;
/// Maximum length of a line.
const WIDTH: usize = 100;
/// Maximum length of a text, in characters.
const LONGEST: usize = 200;

/// The variables of a request, and the data of the answer.
pub(in crate::operations) struct Example {
    pub(in crate::operations) variables: Value,
    pub(in crate::operations) answer: Value,
}

impl Example {
    /// Returns the variables and the answer to what `selection` asks for.
    pub(super) fn shown(&self, selection: &SelectionSet) -> (String, String) {
        let variables = Shown::of(&self.variables, None, "");
        (variables.print(0), Shown::of(&self.answer, Some(selection), "").print(0))
    }
}

/// Returns the fields that a selection asks for, in its order, those of inline fragments among them.
pub(super) fn asked(selection: &SelectionSet) -> Box<dyn Iterator<Item = &Field> + '_> {
    Box::new(selection.items.iter().flat_map(|item| match &item.node {
        Selection::Field(field) => Box::new(std::iter::once(&field.node)),
        Selection::InlineFragment(inline) => asked(&inline.node.selection_set.node),
        Selection::FragmentSpread(spread) => panic!("{} is not followed", spread.node.fragment_name.node),
    }))
}

/// JSON as it is shown.
enum Shown {
    Object(Vec<(String, Shown)>),
    List(Vec<Shown>),
    /// A value as it is written.
    Leaf(String),
}

impl Shown {
    fn of(value: &Value, selection: Option<&SelectionSet>, name: &str) -> Self {
        match value {
            Value::Object(fields) => {
                let place = |name: &String| {
                    selection.and_then(|set| asked(set).position(|field| field.response_key().node == *name))
                };
                let mut names: Vec<_> = fields.keys().collect();
                names.sort_by_key(|name| place(name));
                let inner = |name: &String| {
                    let field = asked(selection?).find(|field| field.response_key().node == *name)?;
                    Some(&field.selection_set.node)
                };
                Self::Object(
                    names.into_iter().map(|name| (name.clone(), Self::of(&fields[name], inner(name), name))).collect(),
                )
            }
            Value::Array(elements) => {
                let mut list: Vec<_> = elements.iter().take(SHOWN).map(|one| Self::of(one, selection, name)).collect();
                if elements.len() > SHOWN {
                    list.push(Self::Leaf(format!("\"… {} more\"", elements.len() - SHOWN)));
                }
                Self::List(list)
            }
            Value::String(text) => Self::Leaf(serde_json::to_string(&without_chance(name, text)).unwrap()),
            plain => Self::Leaf(plain.to_string()),
        }
    }

    /// Prints the value on one line if it fits, indented by so many steps.
    fn print(&self, depth: usize) -> String {
        let flat = self.flat();
        if depth * 2 + flat.chars().count() <= WIDTH {
            return flat;
        }
        let (open, parts, close) = match self {
            Self::Object(fields) => {
                let part = |(name, value): &(String, Self)| format!("\"{name}\": {}", value.print(depth + 1));
                ("{", fields.iter().map(part).collect::<Vec<_>>(), "}")
            }
            Self::List(elements) => ("[", elements.iter().map(|one| one.print(depth + 1)).collect(), "]"),
            Self::Leaf(_) => return flat,
        };
        let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
        format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
    }

    fn flat(&self) -> String {
        match self {
            Self::Object(fields) if fields.is_empty() => "{}".to_owned(),
            Self::Object(fields) => {
                let part = |(name, value): &(String, Self)| format!("\"{name}\": {}", value.flat());
                format!("{{ {} }}", fields.iter().map(part).collect::<Vec<_>>().join(", "))
            }
            Self::List(elements) => format!("[{}]", elements.iter().map(Self::flat).collect::<Vec<_>>().join(", ")),
            Self::Leaf(text) => text.clone(),
        }
    }
}

fn time_of_day() -> &'static Regex {
    static TIME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").unwrap());
    &TIME
}

/// Returns the text of a field, or a word for it if it differs each time.
fn without_chance(name: &str, text: &str) -> String {
    let word = match name {
        "id" => "<id>",
        "requestId" => "<request id>",
        "before" | "after" if text.starts_with('{') => "<the thing as JSON>",
        "token" => "<token>",
        "prefix" => "<prefix>",
        "name" if is_pseudonym(text) => "<pseudonym>",
        "cursor" | "startCursor" | "endCursor" | "after" | "before" => "<cursor>",
        "at" => "<time>",
        name if name.ends_with("At") => "<time>",
        // A sheet of users has the time in it.
        _ => return cut(&time_of_day().replace_all(text, "<time>")),
    };
    word.to_owned()
}

/// Returns whether this is the name of a user whose name is hidden, which depends on a secret of the tenant's.
fn is_pseudonym(name: &str) -> bool {
    let code =
        |code: &str| code.len() == 10 && code.bytes().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit());
    name.strip_prefix("User ").is_some_and(code)
}

fn cut(text: &str) -> String {
    let lines = text.lines().count();
    if lines > SHOWN + 1 {
        let shown: Vec<_> = text.lines().take(SHOWN).collect();
        return format!("{}\n… {} more lines", shown.join("\n"), lines - SHOWN);
    }
    if text.chars().count() > LONGEST {
        return text.chars().take(LONGEST).chain(['…']).collect();
    }
    text.to_owned()
}
