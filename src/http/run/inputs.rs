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

    /// The depth of a value is that of the JSON that it came in, which its reader bounds.
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
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::{
        EmptyMutation, EmptySubscription, Enum, InputObject, Object, OneofObject, Request, Schema, Variables,
    };
    use futures_util::FutureExt as _;
    use serde_json::json;

    use super::super::check::NeverRuns;

    #[derive(Enum, Clone, Copy, PartialEq, Eq)]
    enum Side {
        Left,
        Right,
    }

    #[derive(InputObject)]
    struct Part {
        number: i32,
        side: Option<Side>,
        #[graphql(default = 3)]
        times: i32,
        inner: Option<Vec<Part>>,
    }

    #[derive(OneofObject)]
    enum Either {
        Name(String),
        Number(i32),
    }

    struct Query;

    #[Object]
    impl Query {
        async fn part(&self, v: Part) -> bool {
            v.number + v.times + i32::from(v.side.is_some()) > 0 && v.inner.is_none_or(|inner| inner.is_empty())
        }
        async fn either(&self, v: Either) -> bool {
            matches!(v, Either::Name(name) if name.is_empty()) || matches!(Either::Number(1), Either::Number(1))
        }
        async fn sides(&self, v: Option<Vec<Side>>) -> bool {
            v.is_some_and(|sides| sides.contains(&Side::Left) || sides.contains(&Side::Right))
        }
        async fn number(&self, v: i32) -> bool {
            v > 0
        }
        async fn flag(&self, v: Option<bool>) -> bool {
            v.unwrap_or_default()
        }
    }

    #[test]
    fn a_value_fits_if_no_rule_of_validation_refuses_it() {
        let never_runs = NeverRuns::default();
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription).extension(never_runs.clone()).finish();
        schema.execute("{__typename}").now_or_never().unwrap();
        let shape = never_runs.shape().unwrap();
        let part = json!({ "number": 1 });
        let (mut good, mut bad) = (0, 0);
        for (field, ty, values) in [
            ("number", "Int!", vec![json!(1), json!("1"), json!(1.5), json!([1]), json!(null), json!({})]),
            ("flag", "Boolean", vec![json!(true), json!(null), json!(0), json!("true")]),
            (
                "sides",
                "[Side!]",
                vec![json!(["LEFT"]), json!("RIGHT"), json!([]), json!(["UP"]), json!([null]), json!(1)],
            ),
            (
                "either",
                "Either!",
                vec![
                    json!({ "name": "x" }),
                    json!({ "number": 1 }),
                    json!({}),
                    json!({ "name": null }),
                    json!({ "name": "x", "number": 1 }),
                    json!({ "other": 1 }),
                    json!({ "number": "x" }),
                ],
            ),
            (
                "part",
                "Part!",
                vec![
                    part.clone(),
                    json!({ "number": 1, "side": "LEFT", "times": 2 }),
                    json!({ "number": 1, "side": null }),
                    json!({ "number": 1, "inner": [part] }),
                    json!({}),
                    json!({ "number": null }),
                    json!({ "number": 1, "side": "UP" }),
                    json!({ "number": 1, "more": 1 }),
                    json!({ "number": 1, "inner": [{}] }),
                    json!({ "number": 1, "times": "x" }),
                    json!(null),
                ],
            ),
        ] {
            let text = format!("query($v: {ty}) {{{field}(v: $v)}}");
            let document = parse_query(&text).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            for value in values {
                let variables = Variables::from_json(json!({ "v": value }));
                let fits = shape.inputs.fit(&operation.node.variable_definitions, &variables);
                let answer = schema.execute(Request::new(&text).variables(variables)).now_or_never().unwrap();
                assert_eq!(fits, answer.errors.is_empty(), "{text} {value} {:?}", answer.errors);
                *(if fits { &mut good } else { &mut bad }) += 1;
            }
        }
        assert!(good > 10 && bad > 15, "{good} {bad}");
    }
}
