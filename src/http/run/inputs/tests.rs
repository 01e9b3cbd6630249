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
        ("sides", "[Side!]", vec![json!(["LEFT"]), json!("RIGHT"), json!([]), json!(["UP"]), json!([null]), json!(1)]),
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
