//! Objects and actions of a file, in the form that they can have here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::file::{Fault, at, fault, too_large};
use super::form::{At, Form, UNTOLD};
use crate::domain::import::{LINKS_MAX, Refused};
use crate::domain::key::{Action, ActionPattern, Object, ObjectPattern};
use crate::domain::role::Effect;
use crate::engine::foreign::{By, RoleLines};

mod listed;

pub(super) use listed::Listed;
pub use listed::OBJECTS_MAX;

/// Characters with a special meaning in a regular expression.
const SPECIAL: [char; 13] = ['.', '+', '(', ')', '[', ']', '^', '$', '|', '?', '\\', '{', '}'];

/// Maximum number of alternatives of one text.
const ALTERNATIVES_MAX: usize = 100;
/// Maximum number of single actions of a file in which they are regular expressions.
const KNOWN_MAX: usize = 1_000;

/// Converter of a file's texts into objects and actions.
pub(super) struct Values<'r> {
    under: Option<&'r Object>,
    objects: BTreeSet<By>,
    actions: BTreeSet<By>,
    /// `true` if the file's model says how they are compared.
    is_told: bool,
    /// Single actions that the file names, if they are regular expressions.
    known: BTreeSet<String>,
    /// Objects so far, with the texts that they come from.
    taken: HashMap<ObjectPattern, &'r str>,
    listed: Listed<'r>,
}

impl<'r> Values<'r> {
    /// Makes the converter for a file of this form; `texts` are those of all its actions.
    ///
    /// # Errors
    /// `TOO_LARGE` above [`KNOWN_MAX`].
    pub(super) fn of<'t>(
        form: &Form,
        under: Option<&'r Object>,
        listed: Listed<'r>,
        texts: impl Iterator<Item = &'t str> + Clone,
    ) -> Result<Self, Refused> {
        let (objects, actions) = match form.model() {
            Some(model) => (model.objects.clone(), model.actions.clone()),
            // One alternation tells that they are all regular expressions.
            None if texts.clone().any(|text| text.contains(['(', '|'])) => {
                (BTreeSet::from(UNTOLD), BTreeSet::from([By::Star, By::Regex]))
            }
            None => (BTreeSet::from(UNTOLD), BTreeSet::from([By::Equal, By::Star])),
        };
        let known = if actions.contains(&By::Regex) { known(texts)? } else { BTreeSet::new() };
        Ok(Self { under, objects, actions, is_told: form.is_told(), known, taken: HashMap::new(), listed })
    }

    /// Returns the objects that a text of the file stands for: one, a prefix, or each that matches of those that are
    /// told. A denial is never written for those alone, because others would be free of it.
    pub(super) fn objects(&mut self, (column, text): At<'r>, effect: Effect) -> Result<Vec<ObjectPattern>, Fault> {
        let refused = match self.as_written((column, text)) {
            Err(refused) if !self.listed.is_empty() => refused,
            done => return done,
        };
        let Some(matching) = self.listed.matching(&self.objects, column, text)? else { return Err(refused) };
        if effect == Effect::Deny {
            let message = "a denial of a pattern cannot be written for the objects that are told, because others would be \
                           free of it: write it for a prefix that ends in `/*`";
            return Err(fault(column, message));
        }
        let mut patterns = Vec::with_capacity(matching.len());
        for object in matching {
            let path = if self.under.is_some() { object.strip_prefix('/').unwrap_or(object) } else { object };
            let pattern = self.encoded(column, object, path, false)?;
            self.take((column, object), std::slice::from_ref(&pattern), false)?;
            patterns.push(pattern);
        }
        Ok(patterns)
    }

    /// Returns the objects that a member of a group stands for: those of all that are told that match, and itself if it
    /// is no pattern.
    pub(super) fn listed(&mut self, by: By, text: &'r str) -> Result<BTreeSet<&'r str>, Fault> {
        let Some(matching) = self.listed.matching(&BTreeSet::from([by]), 2, text)? else {
            return Err(fault(2, format!("`{text}` is no pattern that is known here: write the objects one by one")));
        };
        let itself = Some(text).filter(|text| is_single(text) && by != By::Regex);
        Ok(matching.into_iter().chain(itself).collect())
    }

    /// Returns the objects that a text of the file stands for, if it is no pattern but a prefix.
    fn as_written(&mut self, (column, text): At<'r>) -> Result<Vec<ObjectPattern>, Fault> {
        let prefixes = [By::KeyMatch, By::Colon, By::Brace].iter().any(|by| self.objects.contains(by));
        let all = text == "*" && (self.objects.contains(&By::Star) || self.objects.contains(&By::KeyMatch));
        let is_whole = all || (text == "/*" && prefixes);
        let patterns = match self.under {
            // The old system's `/` becomes the path itself.
            Some(_) if is_whole => self.all()?,
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
        self.take((column, text), &patterns, is_whole)?;
        Ok(patterns)
    }

    /// Refuses a text for an object that another text of the file stands for.
    fn take(&mut self, (column, text): At<'r>, patterns: &[ObjectPattern], is_whole: bool) -> Result<(), Fault> {
        for pattern in patterns {
            let other = self.taken.entry(pattern.clone()).or_insert(text);
            // Both texts cover everything.
            if *other != text && !(is_whole && ["*", "/*"].contains(other)) {
                return Err(fault(
                    column,
                    format!("`{text}` and `{other}` would be the same object: rename one of them"),
                ));
            }
        }
        Ok(())
    }

    /// Returns all objects of the file: the path under which they are, and what is below it.
    pub(super) fn all(&self) -> Result<Vec<ObjectPattern>, Fault> {
        let mut all = self.single()?;
        for path in all.clone() {
            all.push(ObjectPattern::below(path).map_err(at(1))?);
        }
        Ok(all)
    }

    /// Returns the path under which all objects of the file are, which stands for them where requests have none.
    pub(super) fn single(&self) -> Result<Vec<ObjectPattern>, Fault> {
        let message = "the model compares no objects: name the path that stands for them (`under`)";
        self.under.map(|under| vec![ObjectPattern::from(under)]).ok_or_else(|| fault(1, message))
    }

    fn object(&self, column: usize, text: &str, prefixes: bool) -> Result<ObjectPattern, Fault> {
        let path = if self.under.is_some() { text.strip_prefix('/').unwrap_or(text) } else { text };
        let stem = path.strip_suffix("/*").filter(|_| prefixes);
        let literal = stem.unwrap_or(path);
        if literal.contains('*') {
            let message = if prefixes {
                "only a prefix that ends in `/*` stands for several objects: write them one by one, or a prefix, or tell the \
                 objects that exist (`objects`)"
            } else {
                "`*` is no pattern in the file's model, or another one than here: write the objects one by one, or tell \
                 those that exist (`objects`)"
            };
            return Err(fault(column, message));
        }
        self.check_literal(column, literal)?;
        self.encoded(column, text, literal, stem.is_some())
    }

    /// Returns a path of the file as an object, or as the prefix of all below it. The error shows the text as it is in
    /// the file.
    fn encoded(&self, column: usize, text: &str, literal: &str, is_prefix: bool) -> Result<ObjectPattern, Fault> {
        let encoded = match ObjectPattern::parse(literal) {
            Ok(pattern) => pattern.to_string(),
            Err(_) if !self.is_told && literal.contains([' ', '#', ',']) => String::new(),
            Err(_) => Object::of_type(literal).map(|path| path.to_string()).unwrap_or_default(),
        };
        let whole = |path: String| if is_prefix { format!("{path}/*") } else { path };
        match self.under {
            _ if encoded.is_empty() => ObjectPattern::parse(text),
            Some(under) => ObjectPattern::parse(&whole(format!("{under}/{encoded}"))),
            None => ObjectPattern::parse(&whole(encoded)),
        }
        .map_err(at(column))
    }

    /// Refuses a text without `*` that stands for several objects in the file's model.
    fn check_literal(&self, column: usize, text: &str) -> Result<(), Fault> {
        let has = |by| self.objects.contains(&by);
        if has(By::Regex) {
            let message = "objects are regular expressions in the file's model: tell the objects that exist (`objects`), \
                           and each line becomes one for each that it matches";
            return Err(fault(column, message));
        }
        let several = "stands for several objects in the file's model: write them one by one, or a prefix that ends in `/*`, or tell \
             the objects that exist (`objects`)";
        // casbin replaces `:name` anywhere. Without the model, a colon within a segment is most likely a name's.
        let is_pattern = |segment: &str| segment.starts_with(':') || (self.is_told && segment.contains(':'));
        if has(By::Colon) && text.split('/').any(is_pattern) {
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

    /// Returns the actions that a text of the file stands for; for a regular expression, the actions named in the file
    /// that match it.
    pub(super) fn actions(&self, (column, text): At<'_>) -> Result<Vec<ActionPattern>, Fault> {
        let has = |by| self.actions.contains(&by);
        let is_any =
            (text == "*" && (has(By::Star) || has(By::KeyMatch))) || (has(By::Regex) && [".*", "^.*$"].contains(&text));
        if is_any {
            return Ok(vec![ActionPattern::any()]);
        }
        if text == "*" && !has(By::Regex) {
            let message = "`*` is no pattern for actions in the file's model: write them one by one";
            return Err(fault(column, message));
        }
        let signs: &[char] = &[':', '{', '}', '?', '[', ']', '\\', '!'];
        if (has(By::Colon) && text.contains(':'))
            || ((has(By::Brace) || has(By::Glob)) && text.contains(signs))
            || ((has(By::Colon) || has(By::Brace)) && !has(By::Regex) && text.contains(SPECIAL))
        {
            let message = format!("`{text}` stands for several actions in the file's model: write them one by one");
            return Err(fault(column, message));
        }
        if !has(By::Regex) {
            return one(column, text).map(|action| vec![action]);
        }
        let Some(alternatives) = alternatives(text) else {
            return Err(fault(
                column,
                format!("`{text}` is more than actions with `|`, and no space, between them: write them one by one"),
            ));
        };
        if alternatives.len() > ALTERNATIVES_MAX {
            let message = format!("at most {ALTERNATIVES_MAX} actions are in one value: divide the line");
            return Err(fault(column, message));
        }
        let alternatives: BTreeSet<&str> = alternatives.into_iter().collect();
        let own = alternatives.iter().map(|it| one(column, it)).collect::<Result<Vec<_>, _>>()?;
        if text.starts_with('^') {
            return Ok(own);
        }
        // casbin looks for the expression anywhere in the action.
        let matches = |known: &str| alternatives.iter().any(|it| known.contains(it));
        self.known.iter().filter(|known| matches(known)).map(|known| one(column, known)).collect()
    }
}

/// Returns the single actions that these texts name. Those that cannot be actions are refused with their lines.
fn known<'t>(texts: impl Iterator<Item = &'t str>) -> Result<BTreeSet<String>, Refused> {
    let mut known = BTreeSet::new();
    for text in texts {
        let named = alternatives(text).filter(|named| named.len() <= ALTERNATIVES_MAX).into_iter().flatten();
        known.extend(named.filter(|action| one(1, action).is_ok()).map(str::to_owned));
        if known.len() > KNOWN_MAX {
            return Err(too_large(&format!("{KNOWN_MAX} actions, where they are regular expressions,")));
        }
    }
    Ok(known)
}

/// Returns a single action, with its special characters encoded.
fn one(column: usize, text: &str) -> Result<ActionPattern, Fault> {
    match ActionPattern::parse(text) {
        Err(_) if !text.contains([' ', '\t', '#', '*']) && !text.contains(SPECIAL) => Action::encode(text)
            .map(|action| ActionPattern::from(&action))
            .or_else(|_| ActionPattern::parse(text))
            .map_err(at(column)),
        parsed => parsed.map_err(at(column)),
    }
}

/// Returns the actions of `(GET)|(POST)`, `(GET|POST)`, `^(GET|POST)$` or `GET`; `None` for any other expression.
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
    // A space is part of what casbin compares.
    let pieces = inside.split('|').map(|piece| Some(group(piece).unwrap_or(piece)).filter(|piece| bare(piece)));
    let pieces = pieces.collect::<Option<Vec<_>>>()?;
    // `^(a)|(b)$` is `^a`, or `b$`.
    let is_split = text.starts_with('^') && inside.starts_with('(') && pieces.len() > 1;
    (!is_split).then_some(pieces)
}

/// Returns `true` for a text that no matching function takes for a pattern.
fn is_single(text: &str) -> bool {
    !text.contains(['*', '{']) && !text.split('/').any(|segment| segment.starts_with(':'))
}

/// Groups of objects or of actions: what each text stands for beside itself.
#[derive(Default)]
pub(super) struct Groups<'r> {
    members: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// `true` if a text stands for the groups that it is in, and not for its members.
    holders: bool,
}

impl<'r> Groups<'r> {
    pub(super) fn of(lines: Option<&RoleLines>) -> Self {
        Self { members: BTreeMap::new(), holders: lines.is_some_and(|lines| lines.holders) }
    }

    /// Adds an object or an action to a group.
    pub(super) fn add(&mut self, member: &'r str, role: &'r str) -> Result<(), Fault> {
        for (column, text) in [(2, member), (3, role)] {
            if !is_single(text) {
                let message = "a group has single members: write them one by one, or say by which function the program \
                               matches them (`rolePatterns`)";
                return Err(fault(column, message));
            }
        }
        let (text, member) = if self.holders { (member, role) } else { (role, member) };
        self.members.entry(text).or_default().insert(member);
        Ok(())
    }

    /// Returns the text itself, and all that it stands for, directly or through other groups. `visited` becomes the
    /// number of texts that were looked at, even if the group is refused.
    pub(super) fn with_members(&self, (column, object): At<'r>, visited: &mut usize) -> Result<Vec<At<'r>>, Fault> {
        const MEMBERS_MAX: usize = 10_000;
        let (mut all, mut layer) = (BTreeSet::from([object]), vec![object]);
        *visited = 1;
        for depth in 0.. {
            let mut next = Vec::new();
            for member in layer.iter().filter_map(|text| self.members.get(text)).flatten() {
                if all.insert(*member) {
                    next.push(*member);
                    *visited += 1;
                }
                if all.len() > MEMBERS_MAX {
                    let message = format!(
                        "more than {MEMBERS_MAX} members are in this group: divide it, or name a prefix instead"
                    );
                    return Err(fault(column, message));
                }
            }
            if next.is_empty() {
                break;
            }
            if depth == LINKS_MAX {
                let message =
                    format!("members are in this group through more than {LINKS_MAX} links: put them into it directly");
                return Err(fault(column, message));
            }
            layer = next;
        }
        Ok(all.into_iter().map(|object| (column, object)).collect())
    }
}
