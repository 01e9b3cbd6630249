//! The values of variables, as far as they can be told to fit their types without validating the document
//! that uses them. Of whatever does not fit, or seems not to, validation says what is wrong.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::VariableDefinition;
use async_graphql::registry::{MetaType, MetaTypeName, Registry, ScalarValidatorFn};
use async_graphql::{Positioned, Value, Variables};

/// The input types of a schema by their names.
pub(super) struct Inputs(HashMap<String, Input>);

enum Input {
    /// Tells whether a value is one.
    Scalar(Option<ScalarValidatorFn>),
    Enum(HashSet<String>),
    Object {
        /// The types of the fields, and whether a value may leave them out.
        fields: HashMap<String, (String, bool)>,
        one_of: bool,
    },
}

impl Inputs {
    /// Reads the input types of a schema.
    pub(super) fn of(registry: &Registry) -> Self {
        Self(registry.types.iter().filter_map(|(name, ty)| Some((name.clone(), Input::of(ty)?))).collect())
    }

    /// Tells whether each variable that has a value has one of its type, which no rule could refuse.
    pub(super) fn fit(&self, definitions: &[Positioned<VariableDefinition>], variables: &Variables) -> bool {
        definitions.iter().all(|definition| {
            let definition = &definition.node;
            match variables.get(&definition.name.node) {
                // Whether there has to be one depends on where it is used.
                None => true,
                Some(Value::Null) => definition.var_type.node.nullable && definition.default_value.is_none(),
                Some(value) => self.fits(&definition.var_type.node.to_string(), value),
            }
        })
    }

    /// Returns `true` if the value fits the type. The depth of a value is that of the JSON that it came in, which its
    /// reader bounds.
    fn fits(&self, ty: &str, value: &Value) -> bool {
        match (MetaTypeName::create(ty), value) {
            (MetaTypeName::NonNull(_), Value::Null) => false,
            (MetaTypeName::NonNull(inner), value) => self.fits(inner, value),
            (_, Value::Null) => true,
            (MetaTypeName::List(inner), Value::List(items)) => items.iter().all(|item| self.fits(inner, item)),
            (MetaTypeName::List(inner), value) => self.fits(inner, value),
            (MetaTypeName::Named(name), value) => self.0.get(name).is_some_and(|input| self.is_one(input, value)),
        }
    }

    fn is_one(&self, input: &Input, value: &Value) -> bool {
        match (input, value) {
            (Input::Scalar(is_valid), value) => is_valid.as_ref().is_none_or(|is_valid| is_valid(value)),
            (Input::Enum(names), Value::Enum(name)) => names.contains(name.as_str()),
            (Input::Enum(names), Value::String(name)) => names.contains(name),
            (Input::Object { fields, one_of }, Value::Object(values)) => {
                let fits =
                    |(name, value): (_, &Value)| fields.get::<str>(name).is_some_and(|(ty, _)| self.fits(ty, value));
                let is_left_out = |name: &String| !values.contains_key(name.as_str());
                let mut needed = fields.iter().filter(|(_, (_, optional))| !optional);
                values.iter().map(|(name, value)| (name.as_str(), value)).all(fits)
                    && !needed.any(|(name, _)| is_left_out(name))
                    && (!one_of || (values.len() == 1 && !values.values().any(|value| *value == Value::Null)))
            }
            _ => false,
        }
    }
}

impl Input {
    fn of(ty: &MetaType) -> Option<Self> {
        Some(match ty {
            MetaType::Scalar { is_valid, .. } => Self::Scalar(is_valid.clone()),
            MetaType::Enum { enum_values, .. } => Self::Enum(enum_values.keys().cloned().collect()),
            MetaType::InputObject { input_fields, oneof, .. } => {
                let optional =
                    |ty: &str, default: bool| default || !matches!(MetaTypeName::create(ty), MetaTypeName::NonNull(_));
                let fields = input_fields.values().map(|field| {
                    (field.name.clone(), (field.ty.clone(), optional(&field.ty, field.default_value.is_some())))
                });
                Self::Object { fields: fields.collect(), one_of: *oneof }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
