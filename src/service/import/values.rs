//! Objects and actions of a file, as they can stand here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::file::{Fault, at, fault};
use super::form::{At, Form, UNTOLD};
use crate::domain::key::{Action, ActionPattern, Object, ObjectPattern};
use crate::engine::foreign::By;
use crate::error::Result;

/// What stands for more than itself in a regular expression.
const SPECIAL: [char; 13] = ['.', '+', '(', ')', '[', ']', '^', '$', '|', '?', '\\', '{', '}'];

/// Turns the texts of a file into objects and actions.
pub(super) struct Values<'r> {
    under: Option<&'r Object>,
    objects: BTreeSet<By>,
    actions: BTreeSet<By>,
    /// Whether the file's model says how they are compared.
    is_told: bool,
    /// The single actions that the file names.
    known: BTreeSet<String>,
    /// The objects so far, with the texts that they come from.
    taken: HashMap<ObjectPattern, &'r str>,
}

impl<'r> Values<'r> {
    /// For a file of this form, whose actions have these texts.
    pub(super) fn of<'t>(form: &Form, under: Option<&'r Object>, actions: impl Iterator<Item = &'t str>) -> Self {
        let (mut known, mut is_regex) = (BTreeSet::new(), false);
        for text in actions {
            is_regex |= text.contains(['(', '|']);
            known.extend(alternatives(text).into_iter().flatten().map(str::to_owned));
        }
        let (objects, actions) = match form.model() {
            Some(model) => (model.objects.clone(), model.actions.clone()),
            // One alternation tells that they are all regular expressions.
            None if is_regex => (BTreeSet::from(UNTOLD), BTreeSet::from([By::Star, By::Regex])),
            None => (BTreeSet::from(UNTOLD), BTreeSet::from([By::Equal, By::Star])),
        };
        Self { under, objects, actions, is_told: form.is_told(), known, taken: HashMap::new() }
    }

    /// The objects that a text of the file stands for.
    pub(super) fn objects(&mut self, (column, text): At<'r>) -> Result<Vec<ObjectPattern>, Fault> {
        let prefixes = [By::KeyMatch, By::Colon, By::Brace].iter().any(|by| self.objects.contains(by));
        let all = text == "*" && (self.objects.contains(&By::Star) || self.objects.contains(&By::KeyMatch));
        let is_whole = all || (text == "/*" && prefixes);
        let patterns = match self.under {
            // The old system's `/` stands here as the path itself.
            Some(under) if is_whole => vec![ObjectPattern::from(under), below(under).map_err(at(column))?],
            Some(under) if text == "/" => vec![ObjectPattern::from(under)],
            None if all => {
                let message = "`*` is not an object of a rule: a line for each first part of the objects, such as `crm/*`, \
                               or a path to bring them all in under (`under`), is needed";
                return Err(fault(column, message));
            }
            None if text.starts_with('/') => {
                return Err(fault(
                    column,
                    "no object begins with `/`: name the path to bring these in under (`under`)",
                ));
            }
            _ => vec![self.object(column, text, prefixes)?],
        };
        for pattern in &patterns {
            let other = self.taken.entry(pattern.clone()).or_insert(text);
            // Both cover all there is.
            if *other != text && !(is_whole && ["*", "/*"].contains(other)) {
                return Err(fault(
                    column,
                    format!("`{text}` and `{other}` would be the same object: rename one of them"),
                ));
            }
        }
        Ok(patterns)
    }

    fn object(&self, column: usize, text: &str, prefixes: bool) -> Result<ObjectPattern, Fault> {
        let path = if self.under.is_some() { text.strip_prefix('/').unwrap_or(text) } else { text };
        let stem = path.strip_suffix("/*").filter(|_| prefixes);
        let literal = stem.unwrap_or(path);
        if literal.contains('*') {
            let message = if prefixes {
                "only a prefix that ends in `/*` stands for several objects: write them one by one, or a prefix"
            } else {
                "`*` is no pattern in the file's model, or another one than here: write the objects one by one"
            };
            return Err(fault(column, message));
        }
        self.check_literal(column, literal)?;
        let encoded = match ObjectPattern::parse(literal) {
            Ok(pattern) => pattern.to_string(),
            Err(_) if !self.is_told && literal.contains([' ', '#', ',']) => String::new(),
            Err(_) => Object::of_type(literal).map(|path| path.to_string()).unwrap_or_default(),
        };
        let whole = |path: String| if stem.is_some() { format!("{path}/*") } else { path };
        match self.under {
            // Shown as it stands in the file.
            _ if encoded.is_empty() => ObjectPattern::parse(text),
            Some(under) => ObjectPattern::parse(&whole(format!("{under}/{encoded}"))),
            None => ObjectPattern::parse(&whole(encoded)),
        }
        .map_err(at(column))
    }

    /// Checks that a text without `*` stands for itself alone in the file's model.
    fn check_literal(&self, column: usize, text: &str) -> Result<(), Fault> {
        let has = |by| self.objects.contains(&by);
        let several =
            "stands for several objects in the file's model: write them one by one, or a prefix that ends in `/*`";
        if has(By::Colon) && text.split('/').any(|segment| segment.starts_with(':')) {
            return Err(fault(column, format!("`:name` {several}")));
        }
        let special = |text: &str| text.contains(SPECIAL);
        if (self.is_told && (has(By::Colon) || has(By::Brace)) && special(text))
            || (has(By::Brace) && text.contains('{'))
        {
            return Err(fault(column, format!("`{text}` {several}")));
        }
        if has(By::Glob) && text.contains(['?', '[', ']', '{', '}', '\\', '!']) {
            return Err(fault(column, format!("`{text}` {several}")));
        }
        Ok(())
    }

    /// The actions that a text of the file stands for: of a regular expression, those that the file
    /// names and that it matches.
    pub(super) fn actions(&self, (column, text): At<'_>) -> Result<Vec<ActionPattern>, Fault> {
        let has = |by| self.actions.contains(&by);
        let is_any =
            (text == "*" && (has(By::Star) || has(By::KeyMatch))) || (has(By::Regex) && [".*", "^.*$"].contains(&text));
        if is_any {
            return Ok(vec![ActionPattern::any()]);
        }
        if !has(By::Regex) {
            return one(column, text).map(|action| vec![action]);
        }
        let Some(alternatives) = alternatives(text) else {
            return Err(fault(
                column,
                format!("`{text}` is more than actions with `|` between them: write them one by one"),
            ));
        };
        let is_anchored = text.starts_with('^');
        // casbin looks for the expression anywhere in the action.
        let matches =
            |known: &str| alternatives.iter().any(|it| if is_anchored { known == *it } else { known.contains(it) });
        self.known.iter().filter(|known| matches(known)).map(|known| one(column, known)).collect()
    }
}

fn below(under: &Object) -> Result<ObjectPattern> {
    ObjectPattern::below(under)
}

/// A single action, its odd bytes encoded.
fn one(column: usize, text: &str) -> Result<ActionPattern, Fault> {
    let refused = |error| at(column)(error);
    match ActionPattern::parse(text) {
        Err(_) if !text.contains([' ', '\t', '#', '*']) && !text.contains(SPECIAL) => Action::encode(text)
            .map(|action| ActionPattern::from(&action))
            .or_else(|_| ActionPattern::parse(text))
            .map_err(refused),
        parsed => parsed.map_err(refused),
    }
}

/// The actions of `(GET)|(POST)`, `(GET|POST)`, `^(GET|POST)$` or `GET`; none of what is more than that.
fn alternatives(text: &str) -> Option<Vec<&str>> {
    let inside = match text.strip_prefix('^') {
        Some(rest) => {
            let inside = rest.strip_suffix('$')?;
            let is_one = inside.starts_with('(') && inside.ends_with(')') || !inside.contains('|');
            is_one.then_some(inside)?
        }
        None => text,
    };
    let bare = |text: &'_ str| -> bool {
        !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-:/".contains(&it))
    };
    let group = |text| -> Option<&str> {
        let text: &str = text;
        text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).filter(|text| !text.contains(['(', ')']))
    };
    let inside = group(inside).unwrap_or(inside);
    let pieces = inside.split('|').map(|piece| {
        let piece = piece.trim();
        Some(group(piece).unwrap_or(piece)).filter(|piece| bare(piece))
    });
    let pieces = pieces.collect::<Option<Vec<_>>>()?;
    // `^(a)|(b)$` is `^a`, or `b$`.
    let is_split = text.starts_with('^') && inside.starts_with('(') && pieces.len() > 1;
    (!is_split).then_some(pieces)
}

/// Which objects are in which groups of objects.
#[derive(Default)]
pub(super) struct ObjectRoles<'r>(BTreeMap<&'r str, BTreeSet<&'r str>>);

impl<'r> ObjectRoles<'r> {
    /// Takes an object into a group.
    pub(super) fn add(&mut self, member: &'r str, role: &'r str) -> Result<(), Fault> {
        for (column, text) in [(2, member), (3, role)] {
            if text.contains(['*', '{']) || text.split('/').any(|segment| segment.starts_with(':')) {
                return Err(fault(column, "a group of objects has single objects: write them one by one"));
            }
        }
        self.0.entry(role).or_default().insert(member);
        Ok(())
    }

    /// The object itself, and all that are in it, directly or through others.
    pub(super) fn with_members(&self, (column, object): At<'r>) -> Result<Vec<At<'r>>, Fault> {
        const MEMBERS_MAX: usize = 10_000;
        let (mut all, mut due) = (BTreeSet::from([object]), vec![object]);
        while let Some(next) = due.pop() {
            due.extend(self.0.get(next).into_iter().flatten().copied().filter(|member| all.insert(member)));
            if all.len() > MEMBERS_MAX {
                return Err(fault(
                    column,
                    format!("more than {MEMBERS_MAX} objects are in this group: name a prefix instead"),
                ));
            }
        }
        Ok(all.into_iter().map(|object| (column, object)).collect())
    }
}
