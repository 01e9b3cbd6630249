//! A Casbin policy file, line by line.
//!
//! The format is that of Casbin's file adapters: values are separated by commas, the space around them and quotes
//! around a whole value are dropped, and empty lines and lines that begin with `#` are skipped. The parser is our own,
//! because those adapters accept a quote after a space, and CSV readers do not.

use super::Reading;
use super::form::{At, Fields, Form, Kind, LineEffect};
use super::values::{Groups, Listed, Values};
use super::warn::{Notes, Warning};
use super::{cycles, resolve};
use crate::domain::import::{BadLines, PolicyLine, Refused, Says};
use crate::domain::key::{ActionPattern, ObjectPattern, TenantKey};
use crate::domain::name::Name;
use crate::domain::role::{Effect, Grant};
use crate::engine::foreign::{Combined, Scope};
use crate::error::{Error, ErrorCode, Result};

/// Maximum size of a file in bytes.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Maximum number of rules of a file.
const RULES_MAX: usize = 100_000;
/// Byte order mark, which some editors write before the first line.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Content of a file for one tenant.
#[derive(Debug)]
pub(super) struct Read {
    /// Lines, as the tenant can hold them.
    pub(super) lines: Vec<PolicyLine>,
    /// Number of lines that were skipped because they are of other domains.
    pub(super) skipped: u64,
    /// Lines that may mean something else.
    pub(super) warnings: Vec<Warning>,
}

/// Reads a file for the tenant with this key. All of its lines are checked, up to the bounds.
pub(super) fn read(tenant: &TenantKey, csv: &str, reading: &Reading) -> Result<Read, Refused> {
    let form = Form::of(tenant, reading)?;
    let mut bad = BadLines::default();
    let records = records(csv, &form, &mut bad)?;
    let mut file = File {
        values: Values::of(&form, reading.under.as_ref(), Listed::of(&reading.objects)?, actions(&form, &records))?,
        objects: Groups::of(form.model().and_then(|model| model.object_roles.as_ref())),
        actions: Groups::of(form.model().and_then(|model| model.action_roles.as_ref())),
        form,
        notes: Notes::default(),
        skipped: 0,
        room: RULES_MAX,
    };
    for record in records.iter().filter(|record| record.is_of_groups()) {
        file.group(record, &mut bad);
    }
    let mut lines = file.superusers(&records, &mut bad)?;
    lines.reserve(records.len());
    for record in records.iter().filter(|record| !record.is_of_groups()) {
        let number = record.number;
        match file.says(record) {
            Ok((priority, said)) => {
                lines.extend(said.into_iter().map(|says| (priority, PolicyLine { number, says })));
            }
            Err(Stop::Line(fault)) => bad.push(number, fault.column, *fault.error),
            Err(Stop::Full) => return Err(too_many_rules()),
        }
    }
    let File { mut notes, skipped, form, .. } = file;
    if lines.is_empty() && skipped > 0 && bad.count == 0 {
        let message = format!("no line of the file is of the domain `{}`", form.domain());
        return Err(Error::invalid(message).at("domain").into());
    }
    let lines = decisive(bad.or(lines)?, form.combined(), &mut notes)?;
    Ok(Read { lines, skipped, warnings: notes.warnings })
}

/// Returns the lines, each with its priority, so that a denial among them wins as it does here.
fn decisive(
    mut lines: Vec<(i64, PolicyLine)>,
    combined: Option<Combined>,
    notes: &mut Notes<'_>,
) -> Result<Vec<PolicyLine>, Refused> {
    // Lines of roles have no priority.
    let ranked = lines.iter().filter(|(_, line)| matches!(line.says, Says::Permission { .. }));
    if let Some((_, PolicyLine { number, .. })) =
        ranked.clone().zip(ranked.skip(1)).find_map(|((before, _), late)| (late.0 < *before).then_some(late))
    {
        let number = *number;
        let message = "the lines decide in the order of their priorities, the lowest first, as Casbin documents it; a \
                       Casbin that knows no priorities, such as casbin-rs, takes the order of the file";
        notes.push(number, 2, message.to_owned());
    }
    lines.sort_by_key(|(priority, _)| *priority);
    let lines = cycles::opened(lines.into_iter().map(|(_, line)| line).collect(), notes);
    if lines.len() > RULES_MAX {
        return Err(too_many_rules());
    }
    match combined {
        Some(Combined::FirstWins) => resolve::resolve(lines, notes),
        Some(Combined::NearestWins) => resolve::resolve(resolve::by_level(lines)?, notes),
        Some(Combined::AllowWins | Combined::DenyWins) | None => Ok(lines),
    }
}

/// Returns the domains that the lines of a file name, in order.
///
/// # Errors
/// As for the import: a file of which a line does not fit its form.
pub(super) fn domains(csv: &str, reading: &Reading) -> Result<Vec<String>, Refused> {
    let form = Form::of_all(reading)?;
    let mut bad = BadLines::default();
    let mut domains = std::collections::BTreeSet::new();
    for Record { number, kind, values } in &records(csv, &form, &mut bad)? {
        let named = match kind {
            Kind::Permission => form.permission(values).map(|fields| fields.domain),
            Kind::Idle => continue,
            kind => form.pair(*kind, values).map(|(.., domain)| domain),
        };
        match named {
            Ok(Some((_, domain))) => _ = domains.insert(domain.to_owned()),
            // The model gives these lines no domain: they are of all.
            Ok(None) if *kind != Kind::Permission => {}
            Ok(None) => bad.push(*number, 1, Error::invalid("the line names no domain")),
            Err(fault) => bad.push(*number, fault.column, *fault.error),
        }
    }
    bad.or(domains.into_iter().collect())
}

fn too_many_rules() -> Refused {
    too_large(&format!("{RULES_MAX} rules"))
}

pub(super) fn too_large(limit: &str) -> Refused {
    Error::new(ErrorCode::TooLarge, format!("a file of at most {limit} is imported at once: divide it")).into()
}

/// Error with the column that it is about.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) column: usize,
    pub(super) error: Box<Error>,
}

/// Reason why a line is not read.
enum Stop {
    /// The line is bad.
    Line(Fault),
    /// The file has more than [`RULES_MAX`] rules.
    Full,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Line(fault)
    }
}

pub(super) fn at(column: usize) -> impl Fn(Error) -> Fault {
    move |error| Fault { column, error: Box::new(error) }
}

/// Makes the fault of a value that is not allowed at its place.
pub(super) fn fault(column: usize, message: impl Into<String>) -> Fault {
    at(column)(Error::invalid(message))
}

/// Line that is neither empty nor a comment.
struct Record {
    number: u64,
    kind: Kind,
    /// Values behind the kind.
    values: Vec<String>,
}

impl Record {
    fn is_of_groups(&self) -> bool {
        matches!(self.kind, Kind::ObjectRole | Kind::ActionRole)
    }
}

/// Returns the lines that are neither empty nor comments, in the order of the file.
fn records(csv: &str, form: &Form, bad: &mut BadLines) -> Result<Vec<Record>, Refused> {
    if csv.len() > BYTES_MAX {
        return Err(too_large(&format!("{} MiB", BYTES_MAX / 1024 / 1024)));
    }
    let csv = csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv);
    let mut records = Vec::new();
    for (number, text) in (1..).zip(csv.split('\n')) {
        match parse(form, text.trim()) {
            Ok(line) => records.extend(line.map(|(kind, values)| Record { number, kind, values })),
            Err(fault) => bad.push(number, fault.column, *fault.error),
        }
        if records.len() > RULES_MAX {
            return Err(too_many_rules());
        }
    }
    Ok(records)
}

/// Returns the kind of a line and the values behind it, or `None` if it is empty or a comment.
fn parse(form: &Form, text: &str) -> Result<Option<(Kind, Vec<String>)>, Fault> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\t') {
        return Err(fault(1, "the line has control characters: take them out"));
    }
    let mut values = split(text)?;
    let behind = values.split_off(1);
    form.kind(values.first().map(String::as_str).unwrap_or_default()).map(|kind| Some((kind, behind)))
}

/// Splits a line into the values between its commas.
fn split(text: &str) -> Result<Vec<String>, Fault> {
    let mut values = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let column = values.len() + 1;
        let (value, after) = match text.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted).ok_or_else(|| bad_quote(column))?,
            None => match text.split_once(',') {
                Some((value, after)) => (value.trim().to_owned(), Some(after)),
                None => (text.trim().to_owned(), None),
            },
        };
        if value.contains('"') {
            return Err(bad_quote(column));
        }
        values.push(value);
        rest = after;
    }
    Ok(values)
}

/// Returns a value without its quotes, and what follows its comma. `text` begins after the first quote; no name of a
/// rule contains a quote, so the next one ends the value.
fn unquoted(text: &str) -> Option<(String, Option<&str>)> {
    let (value, after) = text.split_once('"')?;
    match after.trim_start() {
        "" => Some((value.to_owned(), None)),
        after => after.strip_prefix(',').map(|after| (value.to_owned(), Some(after))),
    }
}

fn bad_quote(column: usize) -> Fault {
    fault(column, "a quote stands before and after a whole value, and nowhere else")
}

/// Returns the texts of all actions of the file, of all domains.
fn actions<'r>(form: &'r Form, records: &'r [Record]) -> impl Iterator<Item = &'r str> + Clone {
    let permissions = records.iter().filter(|record| record.kind == Kind::Permission);
    permissions.filter_map(|record| form.permission(&record.values).ok()?.action).map(|(_, text)| text)
}

/// File that is being read.
struct File<'r> {
    form: Form,
    values: Values<'r>,
    /// Groups of objects.
    objects: Groups<'r>,
    /// Groups of actions.
    actions: Groups<'r>,
    notes: Notes<'r>,
    skipped: u64,
    /// Number of rules that the file can still have. Bad lines count as well, for what it takes to read them.
    room: usize,
}

impl<'r> File<'r> {
    /// Takes room for a number of rules, before they are made.
    fn take_room(&mut self, rules: usize) -> Result<(), Stop> {
        self.room = self.room.checked_sub(rules).ok_or(Stop::Full)?;
        Ok(())
    }

    /// Adds a line that puts an object, or an action, into a group.
    fn group(&mut self, record: &'r Record, bad: &mut BadLines) {
        let taken = self.form.pair(record.kind, &record.values).and_then(|(member, role, domain)| {
            if self.form.is_role_of_others(record.kind, domain)? {
                self.skipped += 1;
                return Ok(());
            }
            let groups = if record.kind == Kind::ActionRole { &mut self.actions } else { &mut self.objects };
            match self.form.name_patterns(record.kind) {
                Some(by) => self.values.listed(by, member)?.into_iter().try_for_each(|object| groups.add(object, role)),
                None => groups.add(member, role),
            }
        });
        if let Err(fault) = taken {
            bad.push(record.number, fault.column, *fault.error);
        }
    }

    /// Returns what the file's model says of users who may do everything. Refuses a line that makes somebody hold such
    /// a user as a role, because the model means the user alone.
    fn superusers(&self, records: &[Record], bad: &mut BadLines) -> Result<Vec<(i64, PolicyLine)>, Refused> {
        let mut lines = Vec::new();
        for user in self.form.superusers() {
            let subject = Name::parse(user).map_err(|error| error.at("model"))?;
            for record in records.iter().filter(|record| record.kind == Kind::Membership) {
                if record.values.get(1) == Some(user) {
                    let message =
                        format!("`{user}` may do everything by the model, and who holds it may not: rename the role");
                    bad.push(record.number, 3, Error::invalid(message));
                }
            }
            for object in self.values.all().map_err(|fault| fault.error.at("under"))? {
                let grant = Grant { object, action: ActionPattern::any(), effect: Effect::Allow };
                grant.check().map_err(|error| error.at("under"))?;
                lines.push((0, PolicyLine { number: 1, says: Says::Permission { subject: subject.clone(), grant } }));
            }
        }
        Ok(lines)
    }

    /// Returns the priority of a line, and what it says; nothing if no decision depends on it.
    fn says(&mut self, record: &'r Record) -> Result<(i64, Vec<Says>), Stop> {
        match record.kind {
            Kind::Permission => self.permissions(record.number, &record.values),
            Kind::Idle => {
                self.notes.idle(record.number);
                Ok((0, Vec::new()))
            }
            _ => Ok((0, self.membership(record.number, &record.values)?.into_iter().collect())),
        }
    }

    /// Returns the priority of a line, and what it says; nothing if it is of another domain.
    fn permissions(&mut self, number: u64, values: &'r [String]) -> Result<(i64, Vec<Says>), Stop> {
        let fields = self.form.permission(values)?;
        if self.form.is_permission_of_others(fields.domain)? {
            self.skipped += 1;
            if let Some((column, "*")) = fields.domain {
                self.notes.push(
                    number,
                    column,
                    "the matcher takes `*` for a domain of this name: the line is left out".to_owned(),
                );
            }
            return Ok((0, Vec::new()));
        }
        let effect = match self.form.effect(&fields)? {
            LineEffect::Is(effect) => effect,
            LineEffect::None(message) => {
                self.notes.push(number, 1, message);
                return Ok((0, Vec::new()));
            }
        };
        if effect == Effect::Deny && !self.form.is_told() {
            self.notes.denial(number);
        }
        let priority = self.form.priority(fields.priority)?;
        Ok((priority, self.grants(number, &fields, effect)?))
    }

    /// Returns the grants of a line for its subject.
    fn grants(&mut self, number: u64, fields: &Fields<'r>, effect: Effect) -> Result<Vec<Says>, Stop> {
        let subject = self.name(number, fields.subject)?;
        let actions = self.line_actions(fields.action)?;
        let column = fields.object.map_or(1, |(column, _)| column);
        let mut says = Vec::new();
        for objects in self.line_objects(fields.object, actions.len(), effect)? {
            // The whole of the file's objects is two of the tenant.
            self.take_room(objects.len().saturating_sub(1).saturating_mul(actions.len()))?;
            for object in objects {
                for action in &actions {
                    let grant = Grant { object: object.clone(), action: action.clone(), effect };
                    grant.check().map_err(at(column))?;
                    says.push(Says::Permission { subject: subject.clone(), grant });
                }
            }
        }
        if says.is_empty() {
            self.notes.push(number, column, "the line matches none of the objects that are told".to_owned());
        }
        Ok(says)
    }

    /// Returns the actions of a line: those that its text stands for, of each action in it if it is a group.
    fn line_actions(&mut self, action: Option<At<'r>>) -> Result<Vec<ActionPattern>, Stop> {
        let Some(action) = action else { return Ok(vec![ActionPattern::any()]) };
        let mut visited = 0;
        let members = self.actions.with_members(action, &mut visited);
        self.take_room(visited.saturating_sub(1))?;
        let mut actions = Vec::new();
        for action in members? {
            actions.extend(self.values.actions(action)?);
        }
        Ok(actions)
    }

    /// Returns the objects of a line, each as it can be here, after taking room for a number of rules for each.
    fn line_objects(
        &mut self,
        object: Option<At<'r>>,
        each: usize,
        effect: Effect,
    ) -> Result<Vec<Vec<ObjectPattern>>, Stop> {
        let Some(object) = object else {
            self.take_room(each)?;
            let whole = self.form.scope() == Scope::All;
            return Ok(vec![if whole { self.values.all()? } else { self.values.single()? }]);
        };
        let mut visited = 0;
        let members = self.objects.with_members(object, &mut visited);
        self.take_room(visited.saturating_mul(if members.is_ok() { each } else { 1 }))?;
        Ok(members?.into_iter().map(|object| self.values.objects(object, effect)).collect::<Result<_, _>>()?)
    }

    /// Reads a line of the form `member, role`, with `dom` at the end if the form has one.
    fn membership(&mut self, number: u64, values: &'r [String]) -> Result<Option<Says>, Stop> {
        let (member, role, domain) = self.form.pair(Kind::Membership, values)?;
        if self.form.is_role_of_others(Kind::Membership, domain)? {
            self.skipped += 1;
            return Ok(None);
        }
        self.take_room(1)?;
        Ok(Some(Says::Membership { member: self.name(number, (2, member))?, role: self.name(number, (3, role))? }))
    }

    /// Reads the name of a user or a role. Refuses `*`, which other models take for a pattern.
    fn name(&mut self, number: u64, (column, text): (usize, &'r str)) -> Result<Name, Fault> {
        if text.contains('*') {
            return Err(fault(column, "`*` stands for no users here: write a line for each role, and give it to them"));
        }
        let name = Name::parse(text).map_err(at(column))?;
        self.notes.name(number, column, text);
        Ok(name)
    }
}

#[cfg(test)]
mod tests;
