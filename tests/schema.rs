//! The schema: it is exported as it runs, everything in it is described, and the parts that clients rely on are there
//! under their names and with their types.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use serde_json::{Value, json};

use crate::common::app::{Choices, Database, Instance};

/// The exported schema.
const EXPORTED: &str = include_str!("../graphql/schema.graphql");
/// The names that clients rely on. The schema may hold more, never less.
const CONTRACT: &str = include_str!("schema/contract.graphql");

const INTROSPECTION: &str = "{ __schema { types {
    name kind description
    fields(includeDeprecated: true) { name description args { name description } }
    inputFields { name description }
    enumValues(includeDeprecated: true) { name description }
} } }";

#[test]
fn the_exported_schema_is_the_one_that_runs() {
    let schema = bailiwick::graphql::sdl();
    let first = schema.lines().zip(EXPORTED.lines()).find(|(runs, exported)| runs != exported);
    assert!(schema == EXPORTED, "export it again with `bailiwick schema`; the first difference: {first:#?}");
}

#[tokio::test]
async fn every_type_field_argument_and_value_is_described() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let data = instance.operator().await.data(INTROSPECTION, json!({})).await;
    let mut silent = Vec::new();
    // The specification's own types are its own to describe.
    let ours = |ty: &&Value| !name(ty).starts_with("__") && name(ty) != "ID";
    for ty in list(&data["__schema"]["types"]).iter().filter(ours) {
        undescribed(ty, name(ty), &mut silent);
        for field in list(&ty["fields"]) {
            let place = format!("{}.{}", name(ty), name(field));
            undescribed(field, &place, &mut silent);
            for argument in list(&field["args"]) {
                undescribed(argument, &format!("{place}({})", name(argument)), &mut silent);
            }
        }
        for part in list(&ty["inputFields"]).iter().chain(list(&ty["enumValues"])) {
            undescribed(part, &format!("{}.{}", name(ty), name(part)), &mut silent);
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

fn undescribed(part: &Value, place: &str, silent: &mut Vec<String>) {
    if part["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
        silent.push(place.to_owned());
    }
}

#[test]
fn what_clients_rely_on_is_there_with_its_name_and_type() {
    let (contract, schema) = (shape(CONTRACT), shape(EXPORTED));
    let broken: Vec<_> = contract.iter().filter(|(place, ty)| schema.get(*place) != Some(*ty)).collect();
    let told = broken.iter().map(|(place, ty)| format!("{place}: {ty}, but is {:?}", schema.get(*place)));
    assert!(broken.is_empty(), "{:#?}", told.collect::<Vec<_>>());
}

#[test]
fn an_input_needs_no_field_that_clients_do_not_know_of() {
    let (contract, schema) = (shape(CONTRACT), shape(EXPORTED));
    let known = |place: &str| contract.keys().any(|other| other.starts_with(&format!("{place}.")));
    let news = schema.iter().filter(|(place, ty)| {
        let owner = place.rsplit_once('.').map_or("", |(owner, _)| owner);
        owner.ends_with("Input") && known(owner) && !contract.contains_key(*place) && ty.ends_with('!')
    });
    assert_eq!(news.collect::<Vec<_>>(), Vec::<(&String, &String)>::new());
}

#[test]
fn every_connection_is_made_alike_and_asked_for_alike() {
    let schema = shape(EXPORTED);
    let connections: Vec<_> = schema.keys().filter(|place| place.ends_with("Connection")).collect();
    assert!(connections.len() > 5);
    for connection in connections {
        let node = connection.trim_end_matches("Connection");
        let parts = [
            ("nodes", format!("[{node}!]!")),
            ("edges", format!("[{node}Edge!]!")),
            ("pageInfo", "PageInfo!".to_owned()),
            ("totalCount", "Int!".to_owned()),
        ];
        for (part, ty) in parts {
            assert_eq!(schema.get(&format!("{connection}.{part}")), Some(&ty), "{connection}.{part}");
        }
        for place in schema.iter().filter(|(_, ty)| **ty == format!("{connection}!")).map(|(place, _)| place) {
            let wanted: &[&str] =
                if place.starts_with("Query.") { &["first", "after", "last", "before"] } else { &["first", "after"] };
            for argument in wanted {
                assert!(schema.contains_key(&format!("{place}({argument})")), "{place}({argument})");
            }
        }
    }
}

/// The lists that are no pages, and the bound of each.
const BOUNDED: &[(&str, &str)] = &[
    ("Access.via", "cut by `first`; `viaCount` counts all"),
    ("Catalogue.dataViews", "the catalogue"),
    ("Catalogue.modules", "the catalogue"),
    ("Catalogue.permissions", "the catalogue"),
    ("Decision.obligations", "the data views of the catalogue"),
    ("Explanation.matched", "cut by `first`; `matchedCount` counts all"),
    ("Explanation.nearest", "5"),
    ("GrantSource.roles", "10; `roleCount` counts all"),
    ("Group.effectivePermissions", "the catalogue"),
    ("Group.permissionSources", "the catalogue"),
    ("Group.permissions", "the catalogue"),
    ("Impact.gained", "500; `gainedCount` counts all"),
    ("Impact.lost", "500; `lostCount` counts all"),
    ("MatchedRule.via", "a user, a group and a role"),
    ("MenuModule.sections", "the catalogue"),
    ("MenuSection.entries", "100"),
    ("Module.sections", "the catalogue"),
    ("Permission.requires", "the catalogue"),
    ("PermissionSource.roles", "10; `roleCount` counts all"),
    ("PolicyImportPayload.warnings", "100; more would be no more warning"),
    ("PolicyRestorePayload.notRestored", "500; `notRestoredCount` counts all"),
    ("Profile.modules", "the catalogue"),
    ("ProfileModule.sections", "the catalogue"),
    ("ProfilesImportLegacyPayload.profiles", "the users of the input"),
    ("Query.decisions", "1000 inputs"),
    ("Query.masked", "1000 contacts"),
    ("Query.pseudonyms", "1000 users"),
    ("ResourceLinksSetPayload.linked", "1000"),
    ("ResourceRegisterPayload.resources", "1000 in the input"),
    ("ResourceRemovePayload.keys", "1000 in the input"),
    ("Role.permissions", "the catalogue"),
    ("Rule.origins", "10; `originCount` counts all"),
    ("Rule.values", "5"),
    ("Section.goesWith", "the catalogue"),
    ("Section.links", "the catalogue"),
    ("SubjectAccess.via", "cut by `first`; `viaCount` counts all"),
    ("Telephony.callGroups", "64"),
    ("Telephony.codecs", "as many as there are"),
    ("Telephony.pickupGroups", "64"),
    ("Tenant.licensedModules", "the catalogue"),
    ("User.menu", "the catalogue"),
    ("UserError.field", "a path of the input"),
    ("UserError.related", "20; `count` counts all"),
    ("UsersImportPayload.users", "1000 in the input"),
    ("Viewer.menu", "the catalogue"),
];

#[test]
fn a_list_comes_in_pages_or_something_bounds_it() {
    let schema = shape(EXPORTED);
    let is_list = |place: &str, ty: &str| ty.starts_with('[') && !place.contains('(');
    let of_input = |place: &str| place.split('.').next().is_some_and(|owner| schema[owner] == "input");
    let of_page = |place: &str| place.ends_with("Connection.nodes") || place.ends_with("Connection.edges");
    let lists = schema.iter().filter(|(place, ty)| is_list(place, ty) && !of_input(place) && !of_page(place));
    let lists = lists.map(|(place, _)| place.as_str()).filter(|place| !place.ends_with("Payload.userErrors"));
    assert_eq!(lists.collect::<Vec<_>>(), BOUNDED.iter().map(|(place, _)| *place).collect::<Vec<_>>());
}

#[test]
fn every_mutation_takes_one_input_and_answers_with_its_own_payload() {
    let schema = shape(EXPORTED);
    let mutations = schema.iter().filter(|(place, _)| place.starts_with("Mutation.") && !place.contains('('));
    for (place, ty) in mutations {
        let name = place.trim_start_matches("Mutation.");
        let (head, tail) = name.split_at(1);
        let name = format!("{}{tail}", head.to_uppercase());
        assert_eq!(*ty, format!("{name}Payload!"), "{place}");
        assert_eq!(
            schema.get(&format!("{name}Payload.userErrors")).map(String::as_str),
            Some("[UserError!]!"),
            "{place}"
        );
        let arguments: Vec<_> = schema.iter().filter(|(other, _)| other.starts_with(&format!("{place}("))).collect();
        if name != "SessionEnd" {
            assert_eq!(arguments, [(&format!("{place}(input)"), &format!("{name}Input!"))]);
        }
        if schema.contains_key(&format!("{name}Payload.revision")) {
            assert_eq!(schema.get(&format!("{name}Input.reason")).map(String::as_str), Some("String"), "{place}");
        }
    }
}

/// Returns every part of a schema by its place, such as `Query.user(key)`, with its type and default.
fn shape(text: &str) -> BTreeMap<String, String> {
    let mut shape = BTreeMap::new();
    for definition in parse_schema(text).unwrap().definitions {
        if let TypeSystemDefinition::Type(ty) = definition {
            type_shape(&ty.node, &mut shape);
        }
    }
    shape
}

fn type_shape(ty: &TypeDefinition, shape: &mut BTreeMap<String, String>) {
    let owner = ty.name.node.as_str();
    let (kind, implements, fields) = match &ty.kind {
        TypeKind::Object(object) => ("type", object.implements.as_slice(), object.fields.as_slice()),
        TypeKind::Interface(interface) => ("interface", interface.implements.as_slice(), interface.fields.as_slice()),
        TypeKind::Enum(values) => {
            shape.extend(values.values.iter().map(|value| (format!("{owner}.{}", value.node.value), "value".into())));
            ("enum", [].as_slice(), [].as_slice())
        }
        TypeKind::InputObject(input) => {
            shape.extend(input.fields.iter().map(|field| input_shape(&format!("{owner}."), "", &field.node)));
            ("input", [].as_slice(), [].as_slice())
        }
        TypeKind::Scalar => ("scalar", [].as_slice(), [].as_slice()),
        TypeKind::Union(_) => ("union", [].as_slice(), [].as_slice()),
    };
    shape.insert(owner.to_owned(), kind.to_owned());
    shape.extend(implements.iter().map(|name| (format!("{owner} implements {}", name.node), String::new())));
    for field in fields {
        field_shape(owner, &field.node, shape);
    }
}

fn field_shape(owner: &str, field: &FieldDefinition, shape: &mut BTreeMap<String, String>) {
    let place = format!("{owner}.{}", field.name.node);
    let arguments = field.arguments.iter();
    shape.extend(arguments.map(|argument| input_shape(&format!("{place}("), ")", &argument.node)));
    shape.insert(place, field.ty.node.to_string());
}

fn input_shape(before: &str, after: &str, input: &InputValueDefinition) -> (String, String) {
    let default = input.default_value.as_ref().map(|value| format!(" = {}", value.node)).unwrap_or_default();
    (format!("{before}{}{after}", input.name.node), format!("{}{default}", input.ty.node))
}
