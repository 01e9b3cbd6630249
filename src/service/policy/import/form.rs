//! Meaning of the values of a line: by the file's model if it is given, and otherwise by their number.

use std::collections::BTreeSet;

use super::file::{Fault, fault};
use super::{Reading, RolePatterns};
use crate::domain::key::TenantKey;
use crate::domain::role::Effect;
use crate::engine::foreign::{By, Column, Combined, ForeignModel, MODEL_MAX, RoleLines, Scope, TextPattern};
use crate::error::{Error, ErrorCode, Result};

/// Value with its column, from 1; the first column is the kind of the line.
pub(super) type At<'v> = (usize, &'v str);

/// Values of a `p` line.
pub(super) struct Fields<'v> {
    pub(super) subject: At<'v>,
    pub(super) domain: Option<At<'v>>,
    /// Object, unless the model has none.
    pub(super) object: Option<At<'v>>,
    /// Action, unless the model has none.
    pub(super) action: Option<At<'v>>,
    pub(super) effect: Option<At<'v>>,
    /// Number that orders the lines, where the model has such a column.
    pub(super) priority: Option<At<'v>>,
    /// Number in a column that the model does not use, and that can be meant as a priority.
    pub(super) number: Option<At<'v>>,
}

/// Kind of a line, by what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A subject may, or may not.
    Permission,
    /// A subject holds a role.
    Membership,
    /// An object is in a group of objects.
    ObjectRole,
    /// An action is in a group of actions.
    ActionRole,
    /// No decision depends on the line.
    Idle,
}

/// Effect of a line.
pub(super) enum LineEffect {
    /// The line decides.
    Is(Effect),
    /// No request is ever decided by the line, for this reason.
    None(String),
}

/// Form of a file's lines.
pub(super) struct Form {
    model: Option<ForeignModel>,
    /// Domain whose lines are imported; without it, all lines are.
    domain: Option<String>,
    /// `true` if each line must name a domain, and lines of other domains are skipped.
    is_of_many: bool,
    /// `true` if the kind of policy was named, so that lines of others are skipped.
    is_chosen: bool,
    patterns: Vec<RolePatterns>,
}

impl Form {
    /// Makes the form that finds the lines of a tenant.
    pub(super) fn of(tenant: &TenantKey, reading: &Reading) -> Result<Self> {
        let domain = reading.domain.clone().unwrap_or_else(|| tenant.to_string());
        Ok(Self { domain: Some(domain), is_of_many: reading.domain.is_some(), ..Self::of_all(reading)? })
    }

    /// Makes the form for the lines of all domains.
    pub(super) fn of_all(reading: &Reading) -> Result<Self> {
        let policy_type = reading.policy_type.as_deref();
        if let Some(kind) = policy_type {
            check_policy_type(kind, reading.model.is_some())?;
        }
        let model = reading.model.as_deref().map(|text| read_model(text, policy_type)).transpose()?;
        if let Some(user) =
            model.as_ref().and_then(|model| model.superusers.first()).filter(|_| reading.under.is_none())
        {
            let message = format!("the model lets `{user}` do everything: name a path to bring all objects in under");
            return Err(Error::invalid(message).at("under"));
        }
        let form = Self {
            model,
            domain: None,
            is_of_many: true,
            is_chosen: policy_type.is_some(),
            patterns: reading.role_patterns.clone(),
        };
        form.check_patterns(reading)?;
        match &form.model {
            Some(model) if reading.domain.is_some() && !model.has_domain() => {
                Err(Error::invalid("the lines of this model name no domain: leave it out").at("domain"))
            }
            _ => Ok(form),
        }
    }

    /// Returns `true` if the file's model is given.
    pub(super) const fn is_told(&self) -> bool {
        self.model.is_some()
    }

    pub(super) const fn model(&self) -> Option<&ForeignModel> {
        self.model.as_ref()
    }

    pub(super) fn domain(&self) -> &str {
        self.domain.as_deref().unwrap_or_default()
    }

    /// Returns the kind of a line that begins with this text.
    pub(super) fn kind(&self, text: &str) -> Result<Kind, Fault> {
        let is = |lines: &Option<RoleLines>| lines.as_ref().is_some_and(|lines| lines.kind == text);
        match (&self.model, text) {
            (None, "p") => Ok(Kind::Permission),
            (None, "g") => Ok(Kind::Membership),
            (Some(model), _) if text == model.policy => Ok(Kind::Permission),
            (Some(model), _) if is(&model.roles) => Ok(Kind::Membership),
            (Some(model), _) if is(&model.object_roles) => Ok(Kind::ObjectRole),
            (Some(model), _) if is(&model.action_roles) => Ok(Kind::ActionRole),
            (Some(model), _) if text.starts_with('g') && model.idle.contains(text) && model.asks_roles() => Err(fault(
                1,
                format!(
                    "the matcher does not ask for `{text}`, and some Casbin programs mix its roles with those of other \
                     lines: take the line out"
                ),
            )),
            (Some(model), _) if model.idle.contains(text) && (self.is_chosen || !text.starts_with('p')) => {
                Ok(Kind::Idle)
            }
            (Some(model), _) if model.idle.contains(text) => Err(fault(
                1,
                "the model has several kinds of policies: name the one that is meant (`policyType`), `p` or another",
            )),
            (Some(_), "g") => Err(fault(1, "the model defines no roles: take the line out")),
            _ => Err(fault(1, self.unknown(text))),
        }
    }

    fn unknown(&self, text: &str) -> String {
        let kind: String = text.chars().take(20).collect();
        let number = |letter| {
            text.strip_prefix(letter)
                .is_some_and(|rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let more = if self.is_told() {
            ": the model defines no such lines, take this one out"
        } else if number('g') || number('p') {
            ", and other kinds of lines are read by the file's model: give it (`model`)"
        } else {
            ": take the line out"
        };
        format!("`{kind}` is neither `p` nor `g`: no other kind of line is known here{more}")
    }

    /// Returns the users who may do everything by the file's model.
    pub(super) fn superusers(&self) -> &[String] {
        self.model.as_ref().map_or(&[], |model| &model.superusers)
    }

    /// Returns the objects that a line is about.
    pub(super) fn scope(&self) -> Scope {
        self.model.as_ref().map_or(Scope::Column, |model| model.scope)
    }

    /// Refuses matching functions that the model's matcher does not reach, or that have no equal here.
    fn check_patterns(&self, reading: &Reading) -> Result<()> {
        let mut kinds = BTreeSet::new();
        for RolePatterns { lines, names, .. } in &self.patterns {
            let message = match self.kind(lines) {
                Ok(Kind::Membership | Kind::ActionRole) if names.is_some() => {
                    format!("patterns of the members of `{lines}` have no equal here: write a line for each member")
                }
                Ok(Kind::ObjectRole) if names.is_some() && reading.objects.is_empty() => {
                    format!(
                        "tell the objects that exist (`objects`): the patterns of `{lines}` become those that match"
                    )
                }
                Ok(Kind::Membership | Kind::ObjectRole | Kind::ActionRole) if self.is_told() && kinds.insert(lines) => {
                    continue;
                }
                _ => {
                    format!("`{lines}` are no lines of roles that the file's model (`model`) asks for, or stand twice")
                }
            };
            return Err(Error::invalid(message).at("rolePatterns"));
        }
        Ok(())
    }

    /// Returns the function that compares the names of such lines, if there is one.
    pub(super) fn name_patterns(&self, kind: Kind) -> Option<By> {
        self.of_kind(kind)?.names
    }

    fn of_kind(&self, kind: Kind) -> Option<&RolePatterns> {
        self.patterns.iter().find(|it| self.kind(&it.lines).is_ok_and(|known| known == kind))
    }

    /// Returns `true` if a line of a role is of another domain, and so skipped. Its domain can be a pattern.
    pub(super) fn is_role_of_others(&self, kind: Kind, domain: Option<At<'_>>) -> Result<bool, Fault> {
        match (self.of_kind(kind).and_then(|it| it.domains), domain) {
            (Some(by), Some((column, text))) => match TextPattern::compile(&BTreeSet::from([by]), text) {
                Some(pattern) => Ok(!pattern.matches(self.domain())),
                None => Err(fault(column, format!("`{text}` is no pattern that is known here: write each domain"))),
            },
            _ => self.is_of_others(domain),
        }
    }

    /// Returns `true` if a `p` line is of another domain, and so skipped. Its domain can be a pattern in the model.
    pub(super) fn is_permission_of_others(&self, domain: Option<At<'_>>) -> Result<bool, Fault> {
        match (&self.model, domain) {
            (Some(model), Some((_, pattern))) if model.has_domain_patterns => Ok(!pattern
                .split_once('*')
                .map_or(pattern == self.domain(), |(start, _)| self.domain().starts_with(start))),
            // The matcher compares domains to the letter.
            (Some(_), Some((_, "*"))) if self.domain() != "*" => Ok(true),
            _ => self.is_of_others(domain),
        }
    }

    /// Returns `true` if a line is of another domain, and so skipped.
    pub(super) fn is_of_others(&self, domain: Option<At<'_>>) -> Result<bool, Fault> {
        match domain {
            Some((column, "*")) if self.domain() != "*" => {
                let message = "`*` stands for no domains here: write the line for each of them, or say by which function \
                               the program matches the domains of roles (`rolePatterns`)";
                Err(fault(column, message))
            }
            Some((_, domain)) if domain == self.domain() => Ok(false),
            Some(_) if self.is_of_many => Ok(true),
            Some((column, _)) => Err(fault(column, self.other_domain())),
            None => Ok(false),
        }
    }

    fn other_domain(&self) -> String {
        format!(
            "the domain of a line is this tenant's, `{}`, or left out; name the one that is meant (`domain`) to take \
             its lines alone",
            self.domain()
        )
    }

    /// Reads the values of a `p` line.
    pub(super) fn permission<'v>(&self, values: &'v [String]) -> Result<Fields<'v>, Fault> {
        match &self.model {
            Some(model) => by_columns(&model.columns, values),
            None => self.by_count(values),
        }
    }

    /// Reads a line of the form `sub, obj, act`, with `dom` after `sub` and `eft` at the end if they are given.
    fn by_count<'v>(&self, values: &'v [String]) -> Result<Fields<'v>, Fault> {
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let is_effect = |text: &str| ["allow", "deny"].contains(&text);
        let fields = |domain, object, action, effect| Fields {
            subject: (2, texts.first().copied().unwrap_or_default()),
            domain,
            object: Some(object),
            action: Some(action),
            effect,
            priority: None,
            number: None,
        };
        match *texts.as_slice() {
            [_, obj, act] if !self.is_of_many => Ok(fields(None, (3, obj), (4, act), None)),
            [_, dom, obj, act] if self.is_of_many && !is_effect(act) => {
                Ok(fields(Some((3, dom)), (4, obj), (5, act), None))
            }
            [_, second, third, last] if !self.is_of_many => match (is_effect(last), second == self.domain()) {
                (true, true) => {
                    Err(fault(5, "the line can be read with a domain and with an effect: write all five values"))
                }
                (true, false) => Ok(fields(None, (3, second), (4, third), Some((5, last)))),
                (false, true) => Ok(fields(Some((3, second)), (4, third), (5, last), None)),
                (false, false) => {
                    Err(fault(3, format!("{}; the last of four values is `allow` or `deny` then", self.other_domain())))
                }
            },
            [_, dom, obj, act, eft] => Ok(fields(Some((3, dom)), (4, obj), (5, act), Some((6, eft)))),
            [..] if self.is_of_many && (3..5).contains(&texts.len()) => {
                Err(fault(1, "the line names no domain: write it behind the subject"))
            }
            [..] => Err(fault(1, format!("a `p` line has 3 to 5 values behind it, not {}", texts.len()))),
        }
    }

    /// Reads the member, the role and the domain of a line that puts something into a role or group.
    pub(super) fn pair<'v>(
        &self,
        kind: Kind,
        values: &'v [String],
    ) -> Result<(&'v str, &'v str, Option<At<'v>>), Fault> {
        let lines = self.model.as_ref().and_then(|model| match kind {
            Kind::ObjectRole => model.object_roles.as_ref(),
            Kind::ActionRole => model.action_roles.as_ref(),
            _ => model.roles.as_ref(),
        });
        match (lines, values) {
            (Some(RoleLines { kind, columns, .. }), _) if *columns != values.len() => Err(fault(
                1,
                format!("a `{kind}` line of this model has {columns} values behind it, not {}", values.len()),
            )),
            (None, [_, _]) if self.is_of_many => Err(fault(1, "the line names no domain: write it at the end")),
            (_, [member, role]) => Ok((member, role, None)),
            (_, [member, role, domain]) => Ok((member, role, Some((4, domain)))),
            _ => Err(fault(1, format!("a `g` line has 2 or 3 values behind it, not {}", values.len()))),
        }
    }

    /// Reads the effect of a line. Refuses a text that is none, unless the file's model is given, which decides nothing
    /// by such a line.
    pub(super) fn effect(&self, fields: &Fields<'_>) -> Result<LineEffect, Fault> {
        match (fields.effect, self.combined()) {
            (None | Some((_, "allow")), _) => Ok(LineEffect::Is(Effect::Allow)),
            (Some((_, "deny")), Some(Combined::AllowWins)) => {
                Ok(LineEffect::None("the file's model passes denials over: this one is left out".to_owned()))
            }
            (Some((_, "deny")), Some(Combined::FirstWins)) if fields.number.is_some() => Err(fault(
                fields.number.map_or(1, |(column, _)| column),
                "no term of the model reads this number: name its column `priority` in the model if it is one, and take \
                 it out of the lines otherwise",
            )),
            (Some((_, "deny")), _) => Ok(LineEffect::Is(Effect::Deny)),
            (Some((_, text)), Some(_)) => Ok(LineEffect::None(format!(
                "`{text}` is neither `allow` nor `deny`, and decides nothing in Casbin: the line is left out"
            ))),
            (Some((column, _)), None) => Err(fault(
                column,
                "the effect is `allow` or `deny`: a line of another one matches nothing, take it out",
            )),
        }
    }

    /// Returns the effect of several lines that match, if the file's model is given.
    pub(super) fn combined(&self) -> Option<Combined> {
        self.model.as_ref().map(|model| model.combined)
    }

    /// Reads the number that orders a line; without a column for it, all lines have the same.
    pub(super) fn priority(&self, priority: Option<At<'_>>) -> Result<i64, Fault> {
        let Some((column, text)) = priority.filter(|_| self.combined() == Some(Combined::FirstWins)) else {
            return Ok(0);
        };
        text.parse().map_err(|_| fault(column, "the priority is a whole number: the lowest decides first"))
    }
}

/// Refuses what is no kind of policy, or cannot be told without the model.
fn check_policy_type(kind: &str, is_told: bool) -> Result<()> {
    let is_kind = kind.strip_prefix('p').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let message = match (is_kind, is_told) {
        (false, _) => "a kind of policy is `p`, `p2` and so on, as the model defines them",
        (true, false) => "kinds of policies are told apart by the file's model: give it (`model`)",
        (true, true) => return Ok(()),
    };
    Err(Error::invalid(message).at("policyType"))
}

fn read_model(text: &str, policy_type: Option<&str>) -> Result<ForeignModel> {
    if text.len() > MODEL_MAX {
        let message = format!("a model of at most {} KiB is read", MODEL_MAX / 1024);
        return Err(Error::new(ErrorCode::TooLarge, message).at("model"));
    }
    ForeignModel::read(text, policy_type).map_err(|error| {
        let message = format!(
            "this model decides otherwise than can be done here: {error}; bring in the policy without its model what \
             lines say to `g(r.sub, p.sub)`, an object and an action"
        );
        Error::invalid(message).at("model")
    })
}

/// Reads the values of a line in the order of the model's columns.
fn by_columns<'v>(columns: &[Column], values: &'v [String]) -> Result<Fields<'v>, Fault> {
    if columns.len() != values.len() {
        let message = format!("a `p` line of this model has {} values behind it, not {}", columns.len(), values.len());
        return Err(fault(1, message));
    }
    let find = |wanted: Column| {
        let place = columns.iter().position(|column| *column == wanted)?;
        Some((place + 2, values.get(place)?.as_str()))
    };
    Ok(Fields {
        subject: find(Column::Subject).ok_or_else(|| fault(1, "the model has no column for the subject"))?,
        domain: find(Column::Domain),
        object: find(Column::Object),
        action: find(Column::Action),
        effect: find(Column::Effect),
        priority: find(Column::Priority),
        number: columns
            .iter()
            .zip((2..).zip(values))
            .filter(|(column, _)| **column == Column::Unused)
            .map(|(_, (place, value))| (place, value.as_str()))
            .find(|(_, value)| value.parse::<i64>().is_ok()),
    })
}

/// Comparisons that are assumed for objects if no model is given: patterns of each of these kinds are recognised, and
/// so is `*` by itself.
pub(super) const UNTOLD: [By; 4] = [By::Equal, By::KeyMatch, By::Colon, By::Brace];
