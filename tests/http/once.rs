//! Each field runs once, however often a document asks for it; fields that cannot be one are refused.

use std::sync::Mutex;

use async_graphql::{Interface, SimpleObject};

use super::*;

/// The names of the fields that ran, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }

    fn take(&self) -> Vec<String> {
        let mut ran = std::mem::take(&mut *self.0.lock().unwrap());
        ran.sort();
        ran
    }
}

struct Cat(Log);

#[Object]
impl Cat {
    async fn id(&self) -> i32 {
        self.0.note("cat.id");
        1
    }

    async fn lives(&self) -> i32 {
        self.0.note("cat.lives");
        9
    }

    async fn friend(&self) -> Pet {
        self.0.note("cat.friend");
        Pet::Dog(Dog(self.0.clone()))
    }
}

struct Dog(Log);

#[Object]
impl Dog {
    async fn id(&self) -> i32 {
        self.0.note("dog.id");
        2
    }

    async fn barks(&self, loud: bool) -> String {
        self.0.note("dog.barks");
        if loud { "WOOF" } else { "woof" }.to_owned()
    }

    async fn friend(&self) -> Pet {
        self.0.note("dog.friend");
        Pet::Cat(Cat(self.0.clone()))
    }
}

#[derive(Interface)]
#[graphql(field(name = "id", ty = "i32"), field(name = "friend", ty = "Pet"))]
enum Pet {
    Cat(Cat),
    Dog(Dog),
}

#[derive(SimpleObject)]
struct Made {
    number: i32,
    twice: i32,
}

struct Pets(Log);

#[Object]
impl Pets {
    async fn cat(&self) -> Cat {
        self.0.note("cat");
        Cat(self.0.clone())
    }

    #[graphql(complexity = "n.max(0) as usize")]
    async fn many(&self, n: i32, m: Option<i32>) -> i32 {
        n + m.unwrap_or_default()
    }

    async fn pet(&self, dog: bool) -> Pet {
        self.0.note("pet");
        if dog { Pet::Dog(Dog(self.0.clone())) } else { Pet::Cat(Cat(self.0.clone())) }
    }
}

struct Makes(Log);

#[Object]
impl Makes {
    async fn make(&self, number: i32) -> Made {
        self.0.note(&format!("make {number}"));
        Made { number, twice: 2 * number }
    }
}

struct News(Log);

#[Subscription]
impl News {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        self.0.note("count");
        stream::iter(1..=to)
    }
}

/// Asks the same of an application that has met the document before and of one that has not.
async fn again_and_for_the_first_time(query: &str, before: &Value, variables: &Value) -> [Answer; 2] {
    let of = |variables: &Value| {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = HttpRequest::post("/graphql").header("content-type", JSON).header("accept", NEWER);
        request.body(body.into()).unwrap()
    };
    let ((known, _), (fresh, _)) = (pets(), pets());
    for _ in 0..2 {
        assert_eq!(call(&known, of(before)).await.json().get("errors"), None);
    }
    [call(&known, of(variables)).await, call(&fresh, of(variables)).await]
}

#[tokio::test]
async fn a_document_that_came_before_is_answered_as_it_is_for_the_first_time() {
    let pet = "query($dog: Boolean!) {pet(dog: $dog) {id} pet(dog: $dog) {friend {id}} }";
    let many = "query($n: Int!, $m: Int) {many(n: $n, m: $m)}";
    for (query, before, variables, status) in [
        (pet, json!({ "dog": true }), json!({ "dog": false }), 200),
        (pet, json!({ "dog": true }), json!({ "dog": 1 }), 400),
        (pet, json!({ "dog": true }), json!({ "dog": null }), 400),
        (many, json!({ "n": 2 }), json!({ "n": 3, "m": null }), 200),
        (many, json!({ "n": 2 }), json!({ "n": 3, "m": "x" }), 400),
        // The cost is counted anew.
        (many, json!({ "n": 2 }), json!({ "n": limits::COMPLEXITY + 1 }), 400),
    ] {
        let [again, first] = again_and_for_the_first_time(query, &before, &variables).await;
        let without_id = |answer: &Answer| {
            let mut answer = answer.json();
            for error in answer["errors"].as_array_mut().into_iter().flatten() {
                error["extensions"]["requestId"] = json!(null);
            }
            answer
        };
        assert_eq!((again.status.as_u16(), first.status.as_u16()), (status, status), "{query} {variables}");
        assert_eq!(without_id(&again), without_id(&first), "{query} {variables}");
    }
}

#[tokio::test]
async fn a_document_that_came_before_runs_each_field_once_and_by_its_own_variables() {
    let (app, log) = pets();
    let pet = "pet(dog: $dog) {id} pet(dog: $dog) {id ... on Dog {barks(loud: true)}}";
    let plain = format!("query($dog: Boolean!) {{{pet}}}");
    let conditional = format!("query($dog: Boolean!) {{{pet} cat {{lives lives id @skip(if: $dog)}}}}");
    for (query, dog, ran) in [
        (&plain, true, vec!["dog.barks", "dog.id", "pet"]),
        (&plain, true, vec!["dog.barks", "dog.id", "pet"]),
        (&plain, false, vec!["cat.id", "pet"]),
        (&conditional, true, vec!["cat", "cat.lives", "dog.barks", "dog.id", "pet"]),
        (&conditional, false, vec!["cat", "cat.id", "cat.id", "cat.lives", "pet"]),
        (&conditional, true, vec!["cat", "cat.lives", "dog.barks", "dog.id", "pet"]),
    ] {
        let body = json!({ "query": query, "variables": { "dog": dog } }).to_string();
        let request = HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap();
        let answer = call(&app, request).await.json();
        let ran: Vec<_> = ran.iter().map(ToString::to_string).collect();
        assert_eq!((answer.get("errors"), log.take()), (None, ran), "{query} {dog}");
    }
}

fn pets() -> (Router, Log) {
    let log = Log::default();
    let schema = || Schema::build(Pets(log.clone()), Makes(log.clone()), News(log.clone()));
    let runner = Runner::new(schema, Sizes::default()).unwrap();
    let routes = http::graphql_routes(runner, TestGate::default(), Options::default());
    (http::surround(routes, Requests::default(), bailiwick::http::client::TrustedProxies::default()), log)
}

async fn run(app: &Router, query: &str, variables: Value) -> Value {
    let name = query.starts_with("query A").then_some("A");
    let body = json!({ "query": query, "variables": variables, "operationName": name }).to_string();
    call(app, HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap()).await.json()
}

/// Runs a document; returns its answer, and the fields that ran for it.
async fn ran(query: &str, variables: Value) -> (Value, Vec<String>) {
    let (app, log) = pets();
    let answer = run(&app, query, variables).await;
    assert_eq!(answer.get("errors"), None, "{query}");
    (answer["data"].clone(), log.take())
}

async fn refused(query: &str) -> String {
    let (app, log) = pets();
    let answer = run(&app, query, json!({})).await;
    assert_eq!(log.take(), [""; 0], "{query}: {answer}");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{query}: {answer}");
    answer["errors"][0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mutation_that_stands_twice_is_made_once_and_answers_all_that_is_asked_of_it() {
    let fragment = "fragment F on Makes { make(number: 1) { twice } }";
    for mutation in [
        "mutation { make(number: 1) { number } make(number: 1) { twice } }",
        "mutation { make(number: 1) { number } ... on Makes { make(number: 1) { twice } } }",
        &format!("mutation {{ make(number: 1) {{ number }} ...F }} {fragment}"),
        &format!("mutation {{ ...F ...F make(number: 1) {{ number number }} }} {fragment}"),
    ] {
        let (data, ran) = ran(mutation, json!({})).await;
        assert_eq!(data, json!({ "make": { "number": 1, "twice": 2 } }), "{mutation}");
        assert_eq!(ran, ["make 1"], "{mutation}");
    }
    let (data, ran) = ran("mutation($n: Int!) { a: make(number: $n) { number } b: make(number: $n) { twice } a: make(number: $n) { twice } }", json!({ "n": 3 })).await;
    assert_eq!(data, json!({ "a": { "number": 3, "twice": 6 }, "b": { "twice": 6 } }));
    assert_eq!(ran, ["make 3", "make 3"]);
}

#[tokio::test]
async fn a_field_that_stands_again_further_down_or_in_a_fragment_runs_once() {
    let fragment = "fragment F on Cat { id friend { id ...G } } fragment G on Dog { barks(loud: true) }";
    let (data, ran) = ran(
        &format!(
            "{{ cat {{ id ...F friend {{ ... on Dog {{ id barks(loud: true) }} }} }} cat {{ lives ...F }} }} {fragment}"
        ),
        json!({}),
    )
    .await;
    assert_eq!(data, json!({ "cat": { "id": 1, "lives": 9, "friend": { "id": 2, "barks": "WOOF" } } }));
    assert_eq!(ran, ["cat", "cat.friend", "cat.id", "cat.lives", "dog.barks", "dog.id"]);
}

#[tokio::test]
async fn fragments_on_an_interface_and_on_what_it_stands_for_are_one_selection() {
    let query = "query($dog: Boolean!) { pet(dog: $dog) {
        id __typename
        ... on Pet { id friend { id } }
        ... on Dog { id say: barks(loud: false) friend { ... on Cat { lives } } ... on Pet { __typename ... on Cat { lives } } }
        ... on Cat { id say: lives }
    } }";
    let (data, of_dog) = ran(query, json!({ "dog": true })).await;
    assert_eq!(
        data,
        json!({ "pet": { "id": 2, "__typename": "Dog", "say": "woof", "friend": { "id": 1, "lives": 9 } } })
    );
    assert_eq!(of_dog, ["cat.id", "cat.lives", "dog.barks", "dog.friend", "dog.id", "pet"]);
    let (data, of_cat) = ran(query, json!({ "dog": false })).await;
    assert_eq!(data, json!({ "pet": { "id": 1, "__typename": "Cat", "say": 9, "friend": { "id": 2 } } }));
    assert_eq!(of_cat, ["cat.friend", "cat.id", "cat.lives", "dog.id", "pet"]);
}

#[tokio::test]
async fn what_a_condition_leaves_out_is_not_asked_for() {
    let query = "query($a: Boolean!, $b: Boolean = true, $n: Boolean! = false) {
        cat @include(if: $a) { id } cat @skip(if: $b) { lives } ... @include(if: $n) { cat { friend { id } } }
    }";
    let cat = |fields: Value| json!({ "cat": fields });
    for (variables, data) in [
        (json!({ "a": true }), cat(json!({ "id": 1 }))),
        (json!({ "a": false, "b": false }), cat(json!({ "lives": 9 }))),
        (json!({ "a": true, "b": false }), cat(json!({ "id": 1, "lives": 9 }))),
        (json!({ "a": false, "n": true }), cat(json!({ "friend": { "id": 2 } }))),
        (json!({ "a": false }), json!({})),
    ] {
        let (answer, ran) = ran(query, variables.clone()).await;
        assert_eq!(answer, data, "{variables}");
        assert_eq!(ran.iter().filter(|what| *what == "cat").count(), usize::from(data != json!({})), "{variables}");
    }
    let (app, _) = pets();
    let answer = run(&app, "query($a: Boolean!) { cat @include(if: $a) { id } }", json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "Variable a is not defined.");
}

#[tokio::test]
async fn two_different_fields_under_one_key_are_refused() {
    for query in [
        "mutation { make(number: 1) { number } make(number: 2) { number } }",
        "{ x: cat { id } x: pet(dog: true) { id } }",
        "{ cat { x: id } cat { x: lives } }",
        "{ cat { x: id ...F } } fragment F on Cat { x: lives }",
        "{ pet(dog: true) { friend { id } ... on Dog { friend { id: __typename } } } }",
        "query { cat { x: id } ... @include(if: false) { cat { x: lives } } }",
        "query A { cat { id } } query B { cat { x: id } cat { x: lives } }",
    ] {
        let message = refused(query).await;
        assert!(message.contains("conflict because"), "{message}");
    }
    // Never both at once: a cat has no barks.
    let (data, _) =
        ran("{ pet(dog: true) { ... on Dog { x: barks(loud: true) } ... on Cat { x: friend { id } } } }", json!({}))
            .await;
    assert_eq!(data, json!({ "pet": { "x": "WOOF" } }));
}

#[tokio::test]
async fn introspection_that_stands_again_is_made_once() {
    let again = "__schema { queryType { name } } ".repeat(40);
    let (data, _) = ran(
        &format!("{{ {again} __schema {{ mutationType {{ ...T ...T }} }} }} fragment T on __Type {{ name kind }}"),
        json!({}),
    )
    .await;
    assert_eq!(
        data,
        json!({ "__schema": { "queryType": { "name": "Pets" }, "mutationType": { "name": "Makes", "kind": "OBJECT" } } })
    );
}

#[tokio::test]
async fn a_subscription_asks_for_one_thing() {
    let (app, log) = pets();
    let _ = &app;
    for query in [
        "subscription { a: count(to: 1) b: count(to: 1) }",
        "subscription { count(to: 1) ...F } fragment F on News { b: count(to: 1) }",
        "subscription($x: Boolean! = false) { count(to: 1) b: count(to: 1) @include(if: $x) }",
    ] {
        assert!(refused(query).await.contains("one field at its root"), "{query}");
    }
    let runner =
        Runner::new(|| Schema::build(Pets(log.clone()), Makes(log.clone()), News(log.clone())), Sizes::default());
    let request = Request::new("subscription { ...F count(to: 300) } fragment F on News { count(to: 300) }");
    let events = async_graphql::Executor::execute_stream(&runner.unwrap(), request, None);
    let seen: Vec<_> = events.map(|answer| answer.data.into_json().unwrap()["count"].clone()).collect().await;
    assert_eq!(seen, (1..=300).map(|n| json!(n)).collect::<Vec<_>>());
    assert_eq!(log.take(), ["count"]);
}
