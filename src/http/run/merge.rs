//! Selections as GraphQL's `CollectFields` has them: fragments put in where they stand, what a condition
//! leaves out left out, and fields with one response key made one field with all that is selected of it.
//!
//! async-graphql runs a field as often as it stands there and puts the answers over each other. Here a
//! document is brought into the form in which each stands once, so that it also runs once.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_graphql::parser::types::{
    Directive, Field, FragmentDefinition, InlineFragment, OperationDefinition, Selection, SelectionSet, TypeCondition,
    VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned, ServerError, Value, Variables};

use super::shape::Shape;

/// The parts under a condition that are looked at.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// All of them: what does not fit together does not fit whatever the variables are.
    All,
    /// Parts that the variables of an operation include.
    By(&'a Variables, &'a [Positioned<VariableDefinition>]),
}

/// Merges the selections of one document, which has been validated.
pub(super) struct Merger<'a> {
    shape: &'a Shape,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    given: Given<'a>,
    /// `true` if any part stood under a condition.
    conditional: bool,
}

/// An operation with each field once.
pub(super) struct Merged {
    pub(super) operation: OperationDefinition,
    /// `true` if the operation's content depends on the variables.
    pub(super) conditional: bool,
}

/// Fields by their response keys, in the order in which these come.
#[derive(Default)]
struct Fields<'a> {
    found: Vec<(&'a str, Vec<&'a Positioned<Field>>)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Fields<'a> {
    fn add(&mut self, field: &'a Positioned<Field>) {
        let key = field.node.response_key().node.as_str();
        let place = *self.places.entry(key).or_insert(self.found.len());
        match self.found.get_mut(place) {
            Some((_, fields)) => fields.push(field),
            None => self.found.push((key, vec![field])),
        }
    }

    fn count(&self, key: &str) -> usize {
        self.places.get(key).and_then(|place| self.found.get(*place)).map_or(0, |(_, fields)| fields.len())
    }
}

impl<'a> Merger<'a> {
    /// Returns a merger that has merged nothing yet.
    pub(super) fn new(
        shape: &'a Shape,
        fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
        given: Given<'a>,
    ) -> Self {
        Self { shape, fragments, given, conditional: false }
    }

    /// Returns the operation with each field once.
    ///
    /// # Errors
    /// Two fields have one response key and are not the same, a condition has no value, or a
    /// subscription asks for more than one thing.
    pub(super) fn operation(mut self, operation: &'a OperationDefinition) -> Result<Merged, ServerError> {
        let root = self.shape.root(operation.ty);
        let set = &operation.selection_set;
        let merged = self.set(root, &[&set.node])?;
        let operation = OperationDefinition {
            ty: operation.ty,
            variable_definitions: operation.variable_definitions.clone(),
            directives: Vec::new(),
            selection_set: Positioned::new(merged, set.pos),
        };
        Ok(Merged { operation, conditional: self.conditional })
    }

    /// Merges several selection sets of the type `on` into one. Its depth is that of the document, which the limits
    /// bound.
    fn set(&mut self, on: &str, sets: &[&'a SelectionSet]) -> Result<SelectionSet, ServerError> {
        let (mut always, mut narrowed) = (Fields::default(), BTreeSet::new());
        for set in sets {
            self.collect(on, set, &mut always, &mut narrowed)?;
        }
        let mut merged = SelectionSet::default();
        if narrowed.is_empty() {
            self.add_fields(on, &always, |_| true, &mut merged)?;
        } else {
            self.add_abstract(on, sets, &always, &narrowed, &mut merged)?;
        }
        Ok(merged)
    }

    /// Collects the fields that everything of the type `on` is asked for, and the objects of which
    /// fragments ask for more.
    fn collect(
        &mut self,
        on: &str,
        set: &'a SelectionSet,
        fields: &mut Fields<'a>,
        narrowed: &mut BTreeSet<&'a str>,
    ) -> Result<(), ServerError> {
        for item in &set.items {
            if !self.includes(item.node.directives())? {
                continue;
            }
            let (condition, inner) = match &item.node {
                Selection::Field(field) => {
                    fields.add(field);
                    continue;
                }
                Selection::InlineFragment(inline) => (inline.node.type_condition.as_ref(), &inline.node.selection_set),
                Selection::FragmentSpread(spread) => match self.fragments.get(&spread.node.fragment_name.node) {
                    Some(fragment) => (Some(&fragment.node.type_condition), &fragment.node.selection_set),
                    None => continue,
                },
            };
            match condition.map(|condition| condition.node.on.node.as_str()) {
                Some(condition) if !self.shape.always(on, condition) => self.narrow(on, condition, narrowed),
                _ => self.collect(on, &inner.node, fields, narrowed)?,
            }
        }
        Ok(())
    }

    /// Notes the objects that a fragment on `condition` asks for more of. Where `on` is an object, it is
    /// none of them.
    fn narrow(&self, on: &str, condition: &str, narrowed: &mut BTreeSet<&'a str>) {
        let Some(possible) = self.shape.possible(on) else { return };
        match self.shape.possible(condition) {
            Some(wide) => narrowed.extend(possible.intersection(wide).map(String::as_str)),
            None => narrowed.extend(possible.get(condition).map(String::as_str)),
        }
    }

    /// Adds what is selected of an abstract type: what all objects are asked for, and apart for each object
    /// what fragments ask of it. A field that stands in both is asked of each object apart.
    fn add_abstract(
        &mut self,
        on: &str,
        sets: &[&'a SelectionSet],
        always: &Fields<'a>,
        narrowed: &BTreeSet<&'a str>,
        merged: &mut SelectionSet,
    ) -> Result<(), ServerError> {
        let mut of_objects = Vec::new();
        for object in self.shape.possible(on).into_iter().flatten() {
            let mut fields = Fields::default();
            for set in sets {
                self.collect(object, set, &mut fields, &mut BTreeSet::new())?;
            }
            of_objects.push((object.as_str(), fields));
        }
        let again = |key: &str| of_objects.iter().any(|(_, fields)| fields.count(key) > always.count(key));
        let apart: HashSet<&str> = always.found.iter().map(|(key, _)| *key).filter(|key| again(key)).collect();
        self.add_fields(on, always, |key| !apart.contains(key), merged)?;
        for (object, fields) in &of_objects {
            if apart.is_empty() && !narrowed.contains(object) {
                continue;
            }
            let mut of_object = SelectionSet::default();
            self.add_fields(object, fields, |key| always.count(key) == 0 || apart.contains(key), &mut of_object)?;
            if !of_object.items.is_empty() {
                merged.items.push(fragment_on(object, of_object));
            }
        }
        Ok(())
    }

    /// Adds each field that is wanted, once.
    fn add_fields(
        &mut self,
        on: &str,
        fields: &Fields<'a>,
        wanted: impl Fn(&str) -> bool,
        merged: &mut SelectionSet,
    ) -> Result<(), ServerError> {
        for (_, same) in fields.found.iter().filter(|(key, _)| wanted(key)) {
            let Some((first, others)) = same.split_first() else { continue };
            for other in others {
                fit(first, other)?;
            }
            let sets: Vec<_> = same.iter().map(|field| &field.node.selection_set.node).collect();
            let set = self.set(self.shape.field(on, first.node.name.node.as_str()), &sets)?;
            let field = Field {
                alias: first.node.alias.clone(),
                name: first.node.name.clone(),
                arguments: first.node.arguments.clone(),
                directives: Vec::new(),
                selection_set: Positioned::new(set, first.node.selection_set.pos),
            };
            merged.items.push(Positioned::new(Selection::Field(Positioned::new(field, first.pos)), first.pos));
        }
        Ok(())
    }

    /// Tells whether what stands under these directives is selected.
    fn includes(&mut self, directives: &[Positioned<Directive>]) -> Result<bool, ServerError> {
        self.conditional |= !directives.is_empty();
        let Given::By(variables, definitions) = self.given else { return Ok(true) };
        for directive in directives {
            let wanted = match directive.node.name.node.as_str() {
                "include" => true,
                "skip" => false,
                _ => continue,
            };
            if condition(&directive.node, variables, definitions)? != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the value of a condition: written there, of a variable, or a variable's default.
fn condition(
    directive: &Directive,
    variables: &Variables,
    definitions: &[Positioned<VariableDefinition>],
) -> Result<bool, ServerError> {
    let Some(argument) = directive.get_argument("if") else { return Ok(false) };
    let value = argument.node.clone().into_const_with(|name| {
        let given = variables.get(&name).cloned();
        let default = || {
            let definition = definitions.iter().find(|definition| definition.node.name.node == name)?;
            definition.node.default_value.as_ref().map(|value| value.node.clone())
        };
        given.or_else(default).ok_or(name)
    });
    let refused = |message: String| Err(ServerError::new(message, Some(argument.pos)));
    match value {
        Ok(Value::Boolean(value)) => Ok(value),
        Ok(_) => refused("a condition is `true` or `false`".to_owned()),
        Err(name) => refused(format!("Variable {name} is not defined.")),
    }
}

/// Checks that two fields with one response key are one field.
fn fit(one: &Positioned<Field>, other: &Positioned<Field>) -> Result<(), ServerError> {
    let (first, second) = (&one.node, &other.node);
    let why = if first.name.node != second.name.node {
        format!("\"{}\" and \"{}\" are different fields", first.name.node, second.name.node)
    } else if !same_arguments(first, second) {
        "they have differing arguments".to_owned()
    } else {
        return Ok(());
    };
    let key = &first.response_key().node;
    let message = format!(
        "Fields \"{key}\" conflict because {why}. Use different aliases on the fields to fetch both if this was intentional."
    );
    let mut error = ServerError::new(message, Some(one.pos));
    error.locations.push(other.pos);
    Err(error)
}

fn same_arguments(first: &Field, second: &Field) -> bool {
    let mut arguments = first.arguments.iter();
    first.arguments.len() == second.arguments.len()
        && arguments.all(|(name, value)| second.get_argument(&name.node).is_some_and(|other| other.node == value.node))
}

fn fragment_on(object: &str, selection_set: SelectionSet) -> Positioned<Selection> {
    let place = Pos::default();
    let on = Positioned::new(Name::new(object), place);
    let fragment = InlineFragment {
        type_condition: Some(Positioned::new(TypeCondition { on }, place)),
        directives: Vec::new(),
        selection_set: Positioned::new(selection_set, place),
    };
    Positioned::new(Selection::InlineFragment(Positioned::new(fragment, place)), place)
}
