//! The three searches: which subjects, resources or actions an evaluation would permit.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::shape::{self, Shape, SubjectTypes, about, object, text, wrong};
use super::strict;
use crate::auth::caller::Caller;
use crate::error::Result;
use crate::service::ask::decision::Action;
use crate::service::ask::search::ids::{FOUND_MAX, FoundIds, Kind};
use crate::service::{Platform, opaque};

/// The most bytes of a token.
const TOKEN_MAX: usize = 1024;

/// Object of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// Subjects that may perform the action on the resource.
    Subjects,
    /// Resources that the subject may perform the action on.
    Resources,
    /// Actions that the subject may perform on the resource.
    Actions,
}

impl Sought {
    const fn shape(self) -> Shape {
        match self {
            Self::Subjects => &[("subject", &["type"]), ("action", &["name"]), ("resource", &["type", "id"])],
            Self::Resources => &[("subject", &["type", "id"]), ("action", &["name"]), ("resource", &["type"])],
            Self::Actions => &[("subject", &["type", "id"]), ("resource", &["type", "id"])],
        }
    }

    /// Returns the texts of a request that say what is searched for.
    fn question(self, asked: &Value) -> [&str; 5] {
        let of = |part: &str, member: &str| text(asked, part, member);
        let (subject, resource) = (of("subject", "type"), of("resource", "type"));
        match self {
            Self::Subjects => [subject, "", of("action", "name"), resource, of("resource", "id")],
            Self::Resources => [subject, of("subject", "id"), of("action", "name"), resource, ""],
            Self::Actions => [subject, of("subject", "id"), "", resource, of("resource", "id")],
        }
    }
}

/// The answer: the page first, so that who reads along knows how much comes.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    page: PageInfo,
    results: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct PageInfo {
    /// Leads to what follows; empty at the end.
    next_token: String,
    count: usize,
}

/// A place in a list of results, with what it is a list of.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    /// A digest of the request, its caller and its tenant: what is asked must stay the same.
    of: String,
    limit: usize,
    /// The last result before; none at the beginning.
    after: Option<String>,
}

/// Part of the results that the caller wants.
struct Page {
    of: String,
    limit: usize,
    after: Option<String>,
}

/// Searches as the body says.
///
/// # Errors
/// `BAD_INPUT`, at the member that is missing or wrong; and what the service refuses.
pub(super) async fn run(
    platform: &Platform,
    types: &SubjectTypes,
    caller: &Caller,
    sought: Sought,
    body: &[u8],
) -> Result<Answer> {
    let asked = strict::read(body)?;
    shape::check(sought.shape(), &asked)?;
    let [subject_kind, subject_id, action, resource_kind, resource_id] = sought.question(&asked);
    let page = Page::read(asked.get("page"), digest(caller, sought, &sought.question(&asked)))?;
    let (about, object) = (about(types, subject_kind, subject_id), object(resource_kind, resource_id));
    let (after, limit) = (page.after.as_deref(), page.limit);
    Ok(match (sought, Action::encode(action), object) {
        (Sought::Subjects, Ok(action), Some(object)) if types.are_users(subject_kind) => {
            let found = platform.users_allowed(caller, &action, &object, after, limit).await?;
            page.answer(&found, ToString::to_string, |user| json!({ "type": subject_kind, "id": user.as_str() }))
        }
        (Sought::Resources, Ok(action), _) => {
            let Some(kind) = Kind::parse(resource_kind) else { return Ok(Answer::nothing()) };
            let found = platform.resources_allowed(caller, &about, &action, &kind, after, limit).await?;
            page.answer(&found, |(place, _)| place.clone(), |(_, id)| json!({ "type": resource_kind, "id": id }))
        }
        (Sought::Actions, _, Some(object)) => {
            let found = platform.actions_allowed(caller, &about, &object, after, limit).await?;
            page.answer(&found, |(place, _)| place.to_string(), |(_, name)| json!({ "name": name }))
        }
        // What no key, no object and no action can name is nowhere.
        _ => Answer::nothing(),
    })
}

impl Answer {
    const fn nothing() -> Self {
        Self { page: PageInfo { next_token: String::new(), count: 0 }, results: Vec::new() }
    }
}

impl Page {
    fn read(page: Option<&Value>, of: String) -> Result<Self> {
        let Some(page) = page.filter(|page| !page.is_null()) else {
            return Ok(Self { of, limit: FOUND_MAX, after: None });
        };
        if !page.is_object() {
            return Err(wrong(&["page"], "must be an object"));
        }
        let limit = match page.get("limit") {
            None | Some(Value::Null) => None,
            Some(limit) => Some(limit.as_u64().ok_or_else(|| wrong(&["page", "limit"], "must be a number from 0 up"))?),
        };
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(FOUND_MAX).min(FOUND_MAX));
        let token = match page.get("token") {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) => Some(token.as_str()),
            Some(_) => return Err(wrong(&["page", "token"], "must be a string")),
        };
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(Self { of, limit: limit.unwrap_or(FOUND_MAX), after: None });
        };
        let foreign = || wrong(&["page", "token"], "is no token of this search");
        let token = Token::parse(token).filter(|token| token.of == of).ok_or_else(foreign)?;
        if limit.is_some_and(|limit| limit != token.limit) || token.limit > FOUND_MAX {
            return Err(wrong(&["page", "limit"], "must stay what it was on the first page"));
        }
        Ok(Self { of, limit: token.limit, after: token.after })
    }

    fn answer<T>(self, found: &FoundIds<T>, place: impl Fn(&T) -> String, shown: impl Fn(&T) -> Value) -> Answer {
        let Self { of, limit, after } = self;
        let results: Vec<Value> = found.these.iter().map(shown).collect();
        let after = found.these.last().map(place).or(after);
        // A page that holds nothing leads to no other: whoever walks on would never come to an end.
        let next_token = if found.has_more && limit > 0 { Token { of, limit, after }.to_text() } else { String::new() };
        Answer { page: PageInfo { next_token, count: results.len() }, results }
    }
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let json = (text.len() <= TOKEN_MAX).then(|| opaque::open(text))??;
        serde_json::from_slice(&json).ok()
    }

    fn to_text(&self) -> String {
        opaque::seal(json!(self).to_string().as_bytes())
    }
}

/// Returns the digest that tells this search from all others. A token is no secret: it leads its finder to nothing
/// that the same question would not.
fn digest(caller: &Caller, sought: Sought, question: &[&str; 5]) -> String {
    let whole =
        json!([caller.tenant().id.0, caller.home().id.0, caller.user().as_str(), format!("{sought:?}"), question]);
    let digest = Sha256::digest(whole.to_string().as_bytes());
    BASE64URL_NOPAD.encode(digest.get(..12).unwrap_or_default())
}
