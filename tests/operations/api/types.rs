//! The types of the schema as tables.

use std::fmt::Write as _;

use async_graphql::Positioned;
use async_graphql::parser::types::{BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind};

/// Adds all types to the page, one kind after the other.
pub(super) fn describe<'a>(page: &mut String, types: &(impl Iterator<Item = &'a TypeDefinition> + Clone)) {
    let kinds = [("Inputs", "input"), ("Types", "type"), ("Enums", "enum"), ("Scalars", "scalar")];
    for (title, kind) in kinds {
        write!(page, "\n## {title}\n").unwrap();
        types.clone().filter(|ty| section(&ty.kind) == kind).for_each(|ty| one(page, ty));
    }
}

/// Returns the heading under which a type is listed.
fn section(kind: &TypeKind) -> &'static str {
    match kind {
        TypeKind::InputObject(_) => "input",
        TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_) => "type",
        TypeKind::Enum(_) => "enum",
        TypeKind::Scalar => "scalar",
    }
}

fn one(page: &mut String, ty: &TypeDefinition) {
    write!(page, "\n### {}\n\n{}\n", ty.name.node, text(ty.description.as_ref())).unwrap();
    match &ty.kind {
        TypeKind::Object(object) => table(page, object.fields.iter().map(|one| field(&one.node))),
        TypeKind::Interface(interface) => table(page, interface.fields.iter().map(|one| field(&one.node))),
        TypeKind::InputObject(object) => table(page, object.fields.iter().map(|field| input(&field.node))),
        TypeKind::Enum(values) => {
            page.push_str("\n| value | |\n|---|---|\n");
            for value in values.values.iter().map(|value| &value.node) {
                writeln!(page, "| `{}` | {} |", value.value.node, cell(value.description.as_ref())).unwrap();
            }
        }
        TypeKind::Union(union) => {
            let members = union.members.iter().map(|member| named(&member.node));
            write!(page, "\nOne of {}.\n", members.collect::<Vec<_>>().join(", ")).unwrap();
        }
        TypeKind::Scalar => {}
    }
}

fn table(page: &mut String, rows: impl Iterator<Item = String>) {
    page.push_str("\n| field | type | |\n|---|---|---|\n");
    rows.for_each(|row| page.push_str(&row));
}

fn field(field: &FieldDefinition) -> String {
    let mut told = cell(field.description.as_ref());
    for argument in field.arguments.iter().map(|argument| &argument.node) {
        let (name, ty) = (&argument.name.node, link(&argument.ty.node));
        write!(told, "<br>`{name}` {ty}: {}", cell(argument.description.as_ref())).unwrap();
    }
    format!("| `{}` | {} | {told} |\n", field.name.node, link(&field.ty.node))
}

/// Returns a row for an argument or a field of an input.
pub(super) fn input(input: &InputValueDefinition) -> String {
    let default = input.default_value.as_ref().map(|value| format!(" = `{}`", value.node)).unwrap_or_default();
    let told = cell(input.description.as_ref());
    format!("| `{}` | {}{default} | {told} |\n", input.name.node, link(&input.ty.node))
}

/// Returns a type, with a link to its description.
pub(super) fn link(ty: &Type) -> String {
    let required = if ty.nullable { "" } else { "!" };
    match &ty.base {
        BaseType::Named(name) => format!("{}{required}", named(name)),
        BaseType::List(inner) => format!("[{}]{required}", link(inner)),
    }
}

fn named(name: &str) -> String {
    match name {
        "Boolean" | "Float" | "ID" | "Int" | "String" => name.to_owned(),
        own => format!("[{own}](#{})", own.to_lowercase()),
    }
}

/// Returns a description as a paragraph.
pub(super) fn text(description: Option<&Positioned<String>>) -> String {
    description.map(|text| text.node.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

/// Returns a description in a cell of a table.
fn cell(description: Option<&Positioned<String>>) -> String {
    text(description).replace('|', "\\|")
}
