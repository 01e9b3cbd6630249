//! The types of a schema, as far as merging selections needs them: which are abstract, what stands
//! for these, and which type a field has.

use std::collections::{BTreeSet, HashMap};

use async_graphql::parser::types::OperationType;
use async_graphql::registry::{MetaType, MetaTypeName, Registry};

use super::inputs::Inputs;

/// The composite types of a schema by their names.
pub(super) struct Shape {
    types: HashMap<String, Composite>,
    query: String,
    mutation: Option<String>,
    subscription: Option<String>,
    /// The types of what comes in.
    pub(super) inputs: Inputs,
}

#[derive(Debug)]
struct Composite {
    /// The names of the fields' types, without lists and exclamation marks.
    fields: HashMap<String, String>,
    /// The objects that an interface or a union stands for; none for an object.
    possible: Option<BTreeSet<String>>,
}

impl Shape {
    /// Reads the types of a schema.
    pub(super) fn of(registry: &Registry) -> Self {
        let types = registry.types.iter().filter(|(_, ty)| ty.is_composite());
        Self {
            types: types.map(|(name, ty)| (name.clone(), Composite::of(ty))).collect(),
            query: registry.query_type.clone(),
            mutation: registry.mutation_type.clone(),
            subscription: registry.subscription_type.clone(),
            inputs: Inputs::of(registry),
        }
    }

    /// Returns the type at the root of an operation; an empty name where the schema has none.
    pub(super) fn root(&self, operation: OperationType) -> &str {
        match operation {
            OperationType::Query => &self.query,
            OperationType::Mutation => self.mutation.as_deref().unwrap_or_default(),
            OperationType::Subscription => self.subscription.as_deref().unwrap_or_default(),
        }
    }

    /// Returns the type of a field; an empty name for one that the schema does not know.
    pub(super) fn field(&self, on: &str, field: &str) -> &str {
        self.types.get(on).and_then(|ty| ty.fields.get(field)).map_or("", String::as_str)
    }

    /// Returns the objects that a type stands for, if it is abstract.
    pub(super) fn possible(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.types.get(name)?.possible.as_ref()
    }

    /// Tells whether all that `on` can be is also `condition`.
    pub(super) fn always(&self, on: &str, condition: &str) -> bool {
        on == condition
            || self.possible(condition).is_some_and(|wide| match self.possible(on) {
                Some(narrow) => narrow.is_subset(wide),
                None => wide.contains(on),
            })
    }
}

impl Composite {
    fn of(ty: &MetaType) -> Self {
        let fields = ty.fields().into_iter().flatten();
        let type_of = |ty: &str| MetaTypeName::concrete_typename(ty).to_owned();
        Self {
            fields: fields.map(|(name, field)| (name.clone(), type_of(&field.ty))).collect(),
            possible: ty.possible_types().filter(|_| ty.is_abstract()).map(|all| all.iter().cloned().collect()),
        }
    }
}
