//! The cost of lists: each counts as often as it can hold things, so that no document asks for more than an answer can
//! hold.

use async_graphql::registry::{MetaType, MetaTypeName, Registry};
use async_graphql::{Object, OutputType, SimpleObject};
use bailiwick::graphql::{Mutation, Query, Sizes, Subscription};
use serde_json::json;

use crate::common::app::{Choices, Database, Instance};

/// Returns the fields with a list, or a page of one, that count as one thing. The lists of introspection have their own
/// measure, and an interface's fields are never asked for a cost.
fn uncounted(registry: &Registry) -> Vec<String> {
    let mut found = Vec::new();
    for (name, ty) in registry.types.iter().filter(|(name, _)| !name.starts_with("__")) {
        let interface = matches!(ty, MetaType::Interface { .. });
        for (field, meta) in ty.fields().into_iter().flatten() {
            let of = MetaTypeName::concrete_typename(&meta.ty);
            let is_page = registry.types.get(of).is_some_and(|of| of.field_by_name("edges").is_some());
            if (meta.ty.contains('[') || is_page) && (interface || meta.compute_complexity.is_none()) {
                found.push(format!("{name}.{field}"));
            }
        }
    }
    found
}

#[test]
fn every_list_counts_what_it_can_hold() {
    let mut registry = Registry::default();
    Query::create_type_info(&mut registry);
    Mutation::create_type_info(&mut registry);
    <Subscription as async_graphql::SubscriptionType>::create_type_info(&mut registry);
    assert!(registry.types.contains_key("UserConnection"), "{:?}", registry.types.keys());
    assert_eq!(uncounted(&registry), [""; 0]);
}

#[test]
fn a_list_that_counts_as_one_is_found() {
    #[derive(SimpleObject)]
    struct Page {
        edges: Vec<i32>,
        #[graphql(complexity = "5")]
        nodes: Vec<i32>,
    }
    struct Things;
    #[Object]
    impl Things {
        async fn names(&self) -> Option<Vec<String>> {
            None
        }
        async fn page(&self) -> Page {
            Page { edges: Vec::new(), nodes: Vec::new() }
        }
        async fn one(&self) -> i32 {
            1
        }
    }
    let mut registry = Registry::default();
    Things::create_type_info(&mut registry);
    assert_eq!(uncounted(&registry), ["Page.edges", "Things.names", "Things.page"]);
}

#[test]
fn lists_of_the_catalogue_cost_what_the_built_in_one_holds_unless_another_is_served() {
    assert_eq!(Sizes::of(&bailiwick::config::catalogue::built_in().unwrap()), Sizes::default());
}

#[tokio::test]
async fn lists_that_lead_back_to_themselves_are_too_complex_before_they_are_long() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    alice.add_user("gus", "AGENT", json!({})).await;
    let agent = alice.signed_in("acme", "gus", crate::common::app::PASSWORD).await;
    let sections =
        |levels: usize| (0..levels).fold("key".to_owned(), |inner, _| format!("links{{{inner}}} goesWith{{{inner}}}"));
    for levels in 2..=5 {
        let query = format!("{{catalogue{{modules{{sections{{{}}}}}}}}}", sections(levels));
        let answer = agent.ask(&query, json!({})).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains("complexity") && message.contains("25000"), "{levels}: {answer:.300}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT");
    }
}

#[tokio::test]
async fn what_people_look_at_is_not_too_complex() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    for query in [
        "{ catalogue { modules { key name licensed optional sections { key name holdsResources dataView
           links { key name } goesWith { key name } } } permissions { key name description requires { key } } dataViews } }",
        "{ profiles(first: 100) { totalCount nodes { key name modules { state module { key } } } } }",
        "{ users(first: 100) { totalCount pageInfo { endCursor } edges { cursor } nodes { id key username fullName email
           baseRole enabled extension avatarUrl profile { key name } customRole { key name } groups(first: 10) { nodes { key name } } } } }",
        "{ viewer { user { key groups { nodes { key name } } } tenant { key licensedModules } home
           menu { key name sections { key name canEdit canDelete entries { key name object } } } } }",
    ] {
        alice.data(query, json!({})).await;
    }
}

#[tokio::test]
async fn a_batch_costs_no_more_than_one_operation_may() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let (half, little) = ("{ policy { csv } }", "{ viewer { user { key } } }");
    let batch = |queries: &[&str]| {
        let operations: Vec<_> = queries.iter().map(|query| json!({ "query": query })).collect();
        serde_json::to_vec(&operations).unwrap()
    };
    let (status, answers) = alice.send("application/json", batch(&[half, half, little, half])).await;
    assert_eq!(status, 200);
    let refused =
        |n: usize| answers[n]["errors"][0]["message"].as_str().unwrap_or_default().contains("of the batch so far");
    assert_eq!([0, 1, 2, 3].map(refused), [false, true, false, true], "{answers:#}");
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "BAD_INPUT");
    assert_eq!(answers[2]["data"]["viewer"]["user"]["key"], "alice", "{answers:.2000}");
    for _ in 0..3 {
        assert!(alice.ask(half, json!({})).await["errors"].is_null(), "each alone is not too much");
    }
}
