//! Files that come with an operation, as the GraphQL multipart request specification has it: the
//! part `operations` is the operation, the part `map` says which file belongs to which of its
//! variables, and the files follow.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Value, Variables};
use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::StatusCode;
use tokio::time::timeout;

use super::errors::Refusal;
use super::limits;
use super::operation::{GraphqlRequest, Parameters, json};
use crate::error::{Error, ErrorCode, Result};

/// Places of the variables that each file is put in, by the name of the file's part.
type Map = BTreeMap<String, Vec<String>>;

/// Reads the operation, with its files in the place of its variables.
pub(super) async fn read(mut request: Request) -> Result<Parameters, Refusal> {
    DefaultBodyLimit::max(limits::UPLOAD).apply(&mut request);
    let Ok(parts) = Multipart::from_request(request, &()).await else {
        return Err(Error::bad_input("the `Content-Type` names no boundary of the parts").into());
    };
    let time = limits::UPLOAD_TIME;
    Ok(timeout(time, assemble(parts)).await.map_err(|_| Refusal::late(time))??)
}

async fn assemble(mut parts: Multipart) -> Result<Parameters> {
    let operations = part(&mut parts, "operations").await?;
    let GraphqlRequest::One(mut operation) = GraphqlRequest::from_body(&operations)? else {
        return Err(Error::bad_input("a batch takes no files: send one operation"));
    };
    let mut map: Map = json(&part(&mut parts, "map").await?, "the part `map`")?;
    check(&map, operation.variables_mut())?;
    while let Some(file) = parts.next_field().await.map_err(broken)? {
        let name = file.name().unwrap_or_default().to_owned();
        let unknown = || Error::bad_input(format!("`map` names no file `{}`, or it came twice", name.escape_debug()));
        let places = map.remove(&name).ok_or_else(unknown)?;
        let content = file.bytes().await.map_err(broken)?;
        for place in places {
            let slot = slot(operation.variables_mut(), &place).ok_or_else(|| no_slot(&place))?;
            *slot = Value::Binary(content.clone());
        }
    }
    match map.keys().next() {
        Some(missing) => Err(Error::bad_input(format!("the file `{}` of `map` did not come", missing.escape_debug()))),
        None => Ok(operation),
    }
}

/// Reads the next part, which must be the one of this name.
async fn part(parts: &mut Multipart, name: &str) -> Result<Bytes> {
    let next = parts.next_field().await.map_err(broken)?;
    let is_it = |field: &Field<'_>| field.name() == Some(name);
    let field = next.filter(is_it).ok_or_else(|| {
        Error::bad_input(format!(
            "the part `{name}` is not in its place: send `operations`, then `map`, then the files"
        ))
    })?;
    let content = field.bytes().await.map_err(broken)?;
    if content.len() > limits::BODY {
        let message = format!("the part `{name}` is larger than {} bytes", limits::BODY);
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    Ok(content)
}

/// Checks before any file is read that there is a place for each, and one file for each place.
fn check(map: &Map, variables: &mut Variables) -> Result<()> {
    let places: Vec<&String> = map.values().flatten().collect();
    if places.len().max(map.len()) > limits::FILES {
        return Err(Error::bad_input(format!("at most {} files go with an operation", limits::FILES)));
    }
    if places.iter().collect::<BTreeSet<_>>().len() < places.len() {
        return Err(Error::bad_input("`map` names a place twice"));
    }
    places.into_iter().try_for_each(|place| slot(variables, place).map(drop).ok_or_else(|| no_slot(place)))
}

/// Returns the place that a path such as `variables.input.file` names: a null that waits for its file.
fn slot<'a>(variables: &'a mut Variables, path: &str) -> Option<&'a mut Value> {
    let mut steps = path.strip_prefix("variables.")?.split('.');
    let mut place = variables.get_mut(steps.next()?)?;
    for step in steps {
        place = match place {
            Value::Object(fields) => fields.get_mut(step)?,
            Value::List(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    (*place == Value::Null).then_some(place)
}

fn no_slot(path: &str) -> Error {
    Error::bad_input(format!("`map` names `{}`, where `operations` has no null for a file", path.escape_debug()))
}

fn broken(error: MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Error::new(ErrorCode::TooLarge, format!("the body is larger than {} bytes", limits::UPLOAD))
        }
        _ => {
            Error::bad_input("the parts of the body cannot be read: it breaks off, or is not made as its boundary says")
                .because(error)
        }
    }
}
