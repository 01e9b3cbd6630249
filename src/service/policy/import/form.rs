//! Meaning of the values of a line: by the file's model if it is given, and otherwise by their number.

use super::Reading;
use super::file::{Fault, fault};
use crate::domain::key::TenantKey;
use crate::domain::role::Effect;
use crate::engine::foreign::{By, Column, Combined, ForeignModel, MODEL_MAX};
use crate::error::{Error, ErrorCode, Result};

/// Value with its column, from 1; the first column is the kind of the line.
pub(super) type At<'v> = (usize, &'v str);

/// Values of a `p` line.
pub(super) struct Fields<'v> {
    pub(super) subject: At<'v>,
    pub(super) domain: Option<At<'v>>,
    pub(super) object: At<'v>,
    pub(super) action: At<'v>,
    pub(super) effect: Option<At<'v>>,
}

/// Form of a file's lines.
pub(super) struct Form {
    model: Option<ForeignModel>,
    /// Domain whose lines are imported; without it, all lines are.
    domain: Option<String>,
    /// `true` if each line must name a domain, and lines of other domains are skipped.
    is_of_many: bool,
}

impl Form {
    /// Makes the form that finds the lines of a tenant.
    pub(super) fn of(tenant: &TenantKey, reading: &Reading) -> Result<Self> {
        let domain = reading.domain.clone().unwrap_or_else(|| tenant.to_string());
        Ok(Self { domain: Some(domain), is_of_many: reading.domain.is_some(), ..Self::of_all(reading)? })
    }

    /// Makes the form for the lines of all domains.
    pub(super) fn of_all(reading: &Reading) -> Result<Self> {
        let model = reading.model.as_deref().map(read_model).transpose()?;
        let form = Self { model, domain: None, is_of_many: true };
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

    pub(super) fn has_object_roles(&self) -> bool {
        self.model.as_ref().is_some_and(|model| model.object_role_columns.is_some())
    }

    /// Returns `true` if a line is of another domain, and so skipped.
    pub(super) fn is_of_others(&self, domain: Option<At<'_>>) -> Result<bool, Fault> {
        match domain {
            Some((column, "*")) if self.domain() != "*" => {
                Err(fault(column, "`*` stands for no domains here: write the line for each of them"))
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
            object,
            action,
            effect,
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

    /// Reads the member, the role and the domain of a `g` line.
    pub(super) fn membership<'v>(&self, values: &'v [String]) -> Result<(&'v str, &'v str, Option<At<'v>>), Fault> {
        let columns = self.model.as_ref().map(|model| model.role_columns.unwrap_or_default());
        self.pair("g", columns, values)
    }

    /// Reads the object, the group of objects and the domain of a `g2` line.
    pub(super) fn object_role<'v>(&self, values: &'v [String]) -> Result<(&'v str, &'v str, Option<At<'v>>), Fault> {
        let columns = self.model.as_ref().and_then(|model| model.object_role_columns);
        self.pair("g2", columns, values)
    }

    fn pair<'v>(
        &self,
        kind: &str,
        columns: Option<usize>,
        values: &'v [String],
    ) -> Result<(&'v str, &'v str, Option<At<'v>>), Fault> {
        match (columns, values) {
            (Some(0), _) => Err(fault(1, "the model defines no roles: take the line out")),
            (Some(columns), _) if columns != values.len() => Err(fault(
                1,
                format!("a `{kind}` line of this model has {columns} values behind it, not {}", values.len()),
            )),
            (None, [_, _]) if self.is_of_many => Err(fault(1, "the line names no domain: write it at the end")),
            (_, [member, role]) => Ok((member, role, None)),
            (_, [member, role, domain]) => Ok((member, role, Some((4, domain)))),
            _ => Err(fault(1, format!("a `{kind}` line has 2 or 3 values behind it, not {}", values.len()))),
        }
    }

    /// Reads the effect of a line. Refuses a denial if the file's model decides it differently.
    pub(super) fn effect(&self, effect: Option<At<'_>>) -> Result<Effect, Fault> {
        let Some((column, effect)) = effect.filter(|(_, effect)| *effect != "allow") else { return Ok(Effect::Allow) };
        if effect != "deny" {
            return Err(fault(
                column,
                "the effect is `allow` or `deny`: a line of another one matches nothing, take it out",
            ));
        }
        match self.model.as_ref().map(|model| model.combined) {
            None | Some(Combined::DenyWins) => Ok(Effect::Deny),
            Some(Combined::AllowWins) => {
                Err(fault(column, "the file's model passes denials over, and here they win: take the line out"))
            }
            Some(Combined::FirstWins) => Err(fault(
                column,
                "in the file's model the first line that matches decides, and here a denial wins wherever it stands: take \
                 the line out, and what it denies out of the lines behind it",
            )),
        }
    }
}

fn read_model(text: &str) -> Result<ForeignModel> {
    if text.len() > MODEL_MAX {
        let message = format!("a model of at most {} KiB is read", MODEL_MAX / 1024);
        return Err(Error::new(ErrorCode::TooLarge, message).at("model"));
    }
    ForeignModel::read(text).map_err(|error| {
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
    let needed = |wanted| find(wanted).ok_or_else(|| fault(1, "the model has no such column"));
    Ok(Fields {
        subject: needed(Column::Subject)?,
        domain: find(Column::Domain),
        object: needed(Column::Object)?,
        action: needed(Column::Action)?,
        effect: find(Column::Effect),
    })
}

/// Comparisons that are assumed for objects if no model is given: patterns of each of these kinds are recognised, and
/// so is `*` by itself.
pub(super) const UNTOLD: [By; 4] = [By::Equal, By::KeyMatch, By::Colon, By::Brace];
