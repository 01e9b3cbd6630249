//! Measuring of a document, its fragments put in where they are used.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, ServerError};

use super::{ALIASES, DEPTH, FIELDS, INTROSPECTED, INTROSPECTION, NESTING, ROOT_FIELDS, at_most};

/// Measures the whole document within the limits, and each of its operations.
pub(super) fn measure(document: &ExecutableDocument) -> Result<(Cost, Vec<Cost>), ServerError> {
    let mut survey = Survey { fragments: &document.fragments, measured: HashMap::new() };
    let (mut whole, mut each) = (Cost::default(), Vec::new());
    for (_, operation) in document.operations.iter() {
        let cost = survey.selection_set(&operation.node.selection_set.node, 0)?;
        at_most(ROOT_FIELDS, cost.roots, "an operation has too many fields at its root")?;
        whole.add(cost);
        each.push(cost);
    }
    // Validation refuses unused fragments, but walks through them to find that out.
    for name in document.fragments.keys() {
        if !survey.measured.contains_key(name.as_str()) {
            whole.add(survey.fragment(name, 0)?);
        }
    }
    at_most(DEPTH, whole.depth, "the document nests its fields too deep")?;
    at_most(ALIASES, whole.aliases, "the document has too many aliases")?;
    at_most(FIELDS, whole.fields, "the document has too many fields")?;
    at_most(INTROSPECTION, whole.introspection, "the introspection query nests its lists too deep")?;
    at_most(INTROSPECTED, whole.told, "the introspection query asks for too many values")?;
    Ok((whole, each))
}

/// Cost of a selection set, its fragments put in. Counts stop at the largest number instead of running over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    roots: usize,
    fields: usize,
    aliases: usize,
    depth: usize,
    nesting: usize,
    /// Introspection lists inside one another, if this stands below `__schema` or `__type`.
    lists: usize,
    /// Introspection lists inside one another, of the parts that do stand below `__schema` or `__type`.
    introspection: usize,
    /// Values that what stands below them can be answered with.
    values: usize,
    told: usize,
    /// `true` if the selection set asks for the schema itself.
    pub(super) introspects: bool,
    /// `true` if the selection set asks for nothing but the schema.
    pub(super) only_introspects: bool,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            roots: 0,
            fields: 0,
            aliases: 0,
            depth: 0,
            nesting: 0,
            lists: 0,
            introspection: 0,
            values: 0,
            told: 0,
            introspects: false,
            only_introspects: true,
        }
    }
}

/// Returns the number of things in an introspection list of a schema like this one: the most for types, the average
/// for the others.
fn listed(name: &str) -> usize {
    match name {
        "types" => 300,
        "fields" => 10,
        "enumValues" | "possibleTypes" => 8,
        "directives" | "inputFields" => 6,
        "args" | "locations" => 3,
        _ => 1,
    }
}

impl Cost {
    /// Adds what stands beside it in the same selection set.
    fn add(&mut self, other: Self) {
        self.roots = self.roots.saturating_add(other.roots);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.lists = self.lists.max(other.lists);
        self.introspection = self.introspection.max(other.introspection);
        self.values = self.values.saturating_add(other.values);
        self.told = self.told.saturating_add(other.told);
        self.introspects |= other.introspects;
        self.only_introspects &= other.only_introspects;
    }

    /// Returns the cost of a field, around that of its selections.
    fn of_field(field: &Field, inner: Self) -> Self {
        let name = field.name.node.as_str();
        let introspects = matches!(name, "__schema" | "__type");
        let is_list = matches!(name, "fields" | "inputFields" | "interfaces" | "possibleTypes" | "types");
        Self {
            roots: 1,
            fields: inner.fields.saturating_add(1),
            aliases: inner.aliases.saturating_add(usize::from(field.alias.is_some())),
            depth: 1 + if introspects { 0 } else { inner.depth },
            nesting: inner.nesting,
            lists: inner.lists + usize::from(is_list),
            introspection: if introspects { inner.lists } else { inner.introspection },
            values: inner.values.saturating_add(1).saturating_mul(listed(name)),
            told: if introspects { inner.values } else { inner.told },
            introspects: introspects || inner.introspects,
            only_introspects: introspects || name == "__typename",
        }
    }
}

struct Survey<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// None while a fragment is being measured: to meet it then is a cycle.
    measured: HashMap<&'a str, Option<Cost>>,
}

impl<'a> Survey<'a> {
    /// INVARIANT: `level` bounds the recursion of this walk, `nesting` that of the library's
    /// walks, which do not remember what they have measured.
    fn selection_set(&mut self, set: &'a SelectionSet, level: usize) -> Result<Cost, ServerError> {
        let mut cost = Cost::default();
        at_most(NESTING, level, "the document nests its selections too deep")?;
        for item in &set.items {
            cost.add(match &item.node {
                Selection::Field(field) => {
                    let inner = self.selection_set(&field.node.selection_set.node, level + 1)?;
                    Cost::of_field(&field.node, inner)
                }
                Selection::InlineFragment(inline) => self.selection_set(&inline.node.selection_set.node, level + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, level + 1)?,
            });
        }
        cost.nesting += 1;
        at_most(NESTING + 1, cost.nesting, "the document nests its selections too deep")?;
        Ok(cost)
    }

    fn fragment(&mut self, name: &'a str, level: usize) -> Result<Cost, ServerError> {
        match self.measured.get(name) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(ServerError::new(format!("the fragment `{name}` contains itself"), None)),
            None => {}
        }
        // Validation names a fragment that is not there.
        let Some(fragment) = self.fragments.get(name) else { return Ok(Cost::default()) };
        self.measured.insert(name, None);
        let cost = self.selection_set(&fragment.node.selection_set.node, level)?;
        self.measured.insert(name, Some(cost));
        Ok(cost)
    }
}
