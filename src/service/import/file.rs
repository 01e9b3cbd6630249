//! A Casbin policy file, line by line.
//!
//! The form is that of Casbin's file adapters: values between commas, the space around them and quotes
//! around a whole value left out; empty lines and lines that begin with `#` say nothing. Own code,
//! because they take a quote behind a space for a quote, and readers of CSV do not.

use crate::domain::import::{BadLines, PolicyLine, Refused, Says};
use crate::domain::key::{ActionPattern, ObjectPattern, TenantKey};
use crate::domain::name::Name;
use crate::domain::role::{Effect, Grant};
use crate::error::{Error, ErrorCode, Result};

/// The most bytes of a file.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most rules of a file.
const RULES_MAX: usize = 100_000;
/// What some editors put before the first line.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a file for the tenant of this key. All of its lines are looked at, up to the bounds.
pub(super) fn read(tenant: &TenantKey, csv: &str) -> Result<Vec<PolicyLine>, Refused> {
    if csv.len() > BYTES_MAX {
        return Err(too_large(&format!("{} MiB", BYTES_MAX / 1024 / 1024)));
    }
    let csv = csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv);
    let (mut lines, mut bad) = (Vec::new(), BadLines::default());
    for (number, text) in (1..).zip(csv.split('\n')) {
        match parse(tenant, text.trim()) {
            Ok(says) => lines.extend(says.map(|says| PolicyLine { number, says })),
            Err(fault) => bad.push(number, fault.column, *fault.error),
        }
        if lines.len() > RULES_MAX {
            return Err(too_large(&format!("{RULES_MAX} rules")));
        }
    }
    bad.or(lines)
}

fn too_large(limit: &str) -> Refused {
    Error::new(ErrorCode::TooLarge, format!("a file of at most {limit} is imported at once: divide it")).into()
}

/// What is wrong at which column.
struct Fault {
    column: usize,
    error: Box<Error>,
}

fn at(column: usize) -> impl Fn(Error) -> Fault {
    move |error| Fault { column, error: Box::new(error) }
}

/// A value that cannot be what it should.
fn fault(column: usize, message: impl Into<String>) -> Fault {
    at(column)(Error::invalid(message))
}

/// What a line says, if anything.
fn parse(tenant: &TenantKey, text: &str) -> Result<Option<Says>, Fault> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\t') {
        return Err(fault(1, "the line has control characters: take them out"));
    }
    let values = split(text)?;
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    match values.as_slice() {
        ["p", values @ ..] => permission(tenant, values).map(Some),
        ["g", values @ ..] => membership(tenant, values).map(Some),
        [other, ..] => {
            let kind = other.chars().take(20).collect::<String>();
            Err(fault(1, format!("`{kind}` is neither `p` nor `g`: no other kind of line is known here")))
        }
        [] => Ok(None),
    }
}

/// The values between the commas.
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

/// A value behind its first quote, and what follows its comma. No name of a rule holds a quote, so
/// the next one ends it.
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

/// `sub, obj, act`, with `dom` behind `sub` and `eft` at the end where they are given.
fn permission(tenant: &TenantKey, values: &[&str]) -> Result<Says, Fault> {
    match values {
        [sub, obj, act] => allowed_or_denied(sub, (3, obj), act, None),
        [sub, second, third, last] => {
            let is_effect = ["allow", "deny"].contains(last);
            match (is_effect, *second == tenant.as_str()) {
                (true, true) => {
                    Err(fault(5, "the line can be read with a domain and with an effect: write all five values"))
                }
                (true, false) => allowed_or_denied(sub, (3, second), third, Some((5, last))),
                (false, true) => allowed_or_denied(sub, (4, third), last, None),
                (false, false) => Err(fault(
                    3,
                    format!(
                        "the domain of a line is this tenant's, `{tenant}`, or left out; the last of four values is \
                         `allow` or `deny` then"
                    ),
                )),
            }
        }
        [sub, dom, obj, act, eft] => {
            check_domain(tenant, 3, dom)?;
            allowed_or_denied(sub, (4, obj), act, Some((6, eft)))
        }
        _ => Err(fault(1, format!("a `p` line has 3 to 5 values behind it, not {}", values.len()))),
    }
}

fn allowed_or_denied(
    subject: &str,
    (column, object): (usize, &str),
    action: &str,
    effect: Option<(usize, &str)>,
) -> Result<Says, Fault> {
    let effect = match effect {
        None | Some((_, "allow")) => Effect::Allow,
        Some((_, "deny")) => Effect::Deny,
        Some((column, _)) => return Err(fault(column, "the effect is `allow` or `deny`")),
    };
    let grant = Grant {
        object: ObjectPattern::parse(object).map_err(at(column))?,
        action: ActionPattern::parse(action).map_err(at(column + 1))?,
        effect,
    };
    grant.check().map_err(at(column))?;
    Ok(Says::Permission { subject: name(2, subject)?, grant })
}

/// `member, role`, with `dom` behind them where it is given.
fn membership(tenant: &TenantKey, values: &[&str]) -> Result<Says, Fault> {
    let (member, role) = match values {
        [member, role] => (member, role),
        [member, role, dom] => {
            check_domain(tenant, 4, dom)?;
            (member, role)
        }
        _ => return Err(fault(1, format!("a `g` line has 2 or 3 values behind it, not {}", values.len()))),
    };
    Ok(Says::Membership { member: name(2, member)?, role: name(3, role)? })
}

/// A user or a role. What other models take for a pattern of them is none here.
fn name(column: usize, text: &str) -> Result<Name, Fault> {
    if text.contains('*') {
        return Err(fault(column, "`*` stands for no users here: write a line for each role, and give it to them"));
    }
    Name::parse(text).map_err(at(column))
}

fn check_domain(tenant: &TenantKey, column: usize, domain: &str) -> Result<(), Fault> {
    if domain == tenant.as_str() {
        return Ok(());
    }
    Err(fault(column, format!("the domain of a line is this tenant's, `{tenant}`, or left out")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<PolicyLine>, Refused> {
        read(&TenantKey::parse("acme").unwrap(), text)
    }

    /// The lines in the form of rules, with their numbers.
    fn lines(text: &str) -> Vec<String> {
        let line = |line: PolicyLine| match line.says {
            Says::Permission { subject, grant: Grant { object, action, effect } } => {
                format!("{} p {subject} {object} {action} {}", line.number, effect.as_str())
            }
            Says::Membership { member, role } => format!("{} g {member} {role}", line.number),
        };
        read_text(text).unwrap().into_iter().map(line).collect()
    }

    /// Where the lines are bad.
    fn faults(text: &str) -> Vec<(u64, usize, ErrorCode)> {
        let Err(Refused::Lines(bad)) = read_text(text) else { panic!("not refused") };
        bad.told.into_iter().map(|line| (line.number, line.column, line.error.code)).collect()
    }

    #[test]
    fn a_line_may_leave_out_its_domain_and_its_effect() {
        for line in [
            "p, ops, crm/deals, read",
            "p, ops, crm/deals, read, allow",
            "p, ops, acme, crm/deals, read",
            "p,ops,acme,crm/deals,read,allow",
        ] {
            assert_eq!(lines(line), ["1 p ops crm/deals read allow"], "{line}");
        }
        assert_eq!(
            lines("p, ops, crm/*, *, deny\ng, dana, ops\ng, dana, ops, acme"),
            ["1 p ops crm/* * deny", "2 g dana ops", "3 g dana ops"]
        );
        assert_eq!(faults("p, ops, acme, read, deny"), [(1, 5, ErrorCode::Invalid)], "it can be read in two ways");
    }

    #[test]
    fn a_file_may_have_comments_empty_lines_quotes_and_the_line_ends_of_any_system() {
        let text = "\u{feff}# all\r\n\r\n  p , \"Head of Sales, EMEA\" ,\t\"crm/deals\", read \r\n\t# more\n\ng,\"dana\",\"ops\"";
        assert_eq!(lines(text), ["3 p Head of Sales, EMEA crm/deals read allow", "6 g dana ops"]);
        assert_eq!(lines(""), [""; 0]);
    }

    #[test]
    fn every_bad_line_is_named_by_its_number_and_column() {
        for (line, column, code) in [
            ("p2, ops, crm, read", 1, ErrorCode::Invalid),
            ("ptype, v0, v1, v2", 1, ErrorCode::Invalid),
            ("P, ops, crm, read", 1, ErrorCode::Invalid),
            ("p, ops, crm", 1, ErrorCode::Invalid),
            ("p, ops, acme, crm, read, allow, more", 1, ErrorCode::Invalid),
            ("p, , crm, read", 2, ErrorCode::Invalid),
            ("p, *, crm, read, deny", 2, ErrorCode::Invalid),
            ("g, sales-*, ops", 2, ErrorCode::Invalid),
            ("g, dana, *", 3, ErrorCode::Invalid),
            ("p, ops, globex, crm, read, allow", 3, ErrorCode::Invalid),
            ("p, ops, globex, crm, read", 3, ErrorCode::Invalid),
            ("p, ops, *, read", 3, ErrorCode::Invalid),
            ("p, ops, /crm, read", 3, ErrorCode::Invalid),
            ("p, ops, crm/*/x, read", 3, ErrorCode::Invalid),
            ("p, ops, acme, crm*, read, allow", 4, ErrorCode::Invalid),
            ("p, ops, crm, Read", 4, ErrorCode::Invalid),
            ("p, ops, crm, read # why", 4, ErrorCode::Invalid),
            ("p, ops, acme, crm, read, Allow", 6, ErrorCode::Invalid),
            ("p, ops, admin/users, read, deny", 3, ErrorCode::ProtectedRole),
            ("p, ops, acme, admin/*, *, deny", 4, ErrorCode::ProtectedRole),
            ("p, ops, admin/settings, read", 3, ErrorCode::ProtectedRole),
            ("p, ops, admin/*, read", 3, ErrorCode::ProtectedRole),
            ("g, dana", 1, ErrorCode::Invalid),
            ("g, dana, ops, acme, more", 1, ErrorCode::Invalid),
            ("g, dana, ops, globex", 4, ErrorCode::Invalid),
            ("g, dana, ", 3, ErrorCode::Invalid),
            ("p, \"ops, crm, read", 2, ErrorCode::Invalid),
            ("p, \"ops\" x, crm, read", 2, ErrorCode::Invalid),
            ("p, op\"s\", crm, read", 2, ErrorCode::Invalid),
            ("p, ops, cr\0m, read", 1, ErrorCode::Invalid),
        ] {
            let text = format!("# first\n{line}\n");
            assert_eq!(faults(&text), [(2, column, code)], "{line}");
        }
        // Only before the first line is a byte order mark none of its text.
        assert_eq!(faults("\n\u{feff}p, ops, crm, read"), [(2, 1, ErrorCode::Invalid)]);
    }

    #[test]
    fn of_many_bad_lines_the_first_hundred_are_told_and_all_are_counted() {
        let Err(Refused::Lines(bad)) = read_text(&"p, ops\n".repeat(250)) else { panic!("not refused") };
        let numbers: Vec<u64> = bad.told.iter().map(|line| line.number).collect();
        assert_eq!((numbers, bad.count), ((1..=100).collect(), 250));
    }

    #[test]
    fn a_file_above_the_bounds_is_not_read_to_its_end() {
        let too_large = |text: &str| match read_text(text) {
            Err(Refused::Whole(error)) => error.code == ErrorCode::TooLarge,
            _ => false,
        };
        let rule = "p, ops, crm, read\n";
        assert!(too_large(&rule.repeat(RULES_MAX + 1)));
        assert_eq!(read_text(&rule.repeat(RULES_MAX)).unwrap().len(), RULES_MAX);
        assert!(too_large(&"#".repeat(BYTES_MAX + 1)));
    }
}
