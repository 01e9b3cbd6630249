//! Numbers as people read them.

use crate::result::Unit;

/// Formats a time: `45 ns`, `1.2 µs`, `60 ms`, `3.4 s`.
pub(super) fn nanoseconds(time: f64) -> String {
    let (value, unit) = match time {
        _ if time < 1e3 => (time, "ns"),
        _ if time < 1e6 => (time / 1e3, "µs"),
        _ if time < 1e9 => (time / 1e6, "ms"),
        _ => (time / 1e9, "s"),
    };
    format!("{} {unit}", short(value))
}

/// Formats any number with its unit.
pub(super) fn measured(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds => nanoseconds(value),
        Unit::PerSecond => format!("{}/s", short(value)),
        Unit::Bytes => format!("{} MB", short(value / 1e6)),
        Unit::Percent => format!("{} %", short(value)),
    }
}

/// Formats a ratio as a number of times.
pub(super) fn times(ratio: f64) -> String {
    format!("{} ×", short(ratio))
}

/// Formats a count with thin spaces between thousands.
pub(super) fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with its two or three significant digits.
pub(super) fn short(value: f64) -> String {
    match value {
        _ if value >= 100.0 => count(crate::random::as_usize(value.round())),
        _ if value >= 10.0 => format!("{value:.0}"),
        _ if value >= 1.0 => format!("{value:.1}"),
        _ if value > 0.0 => format!("{value:.2}"),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([45.2, 1_234.0, 60e6, 2.5e9].map(nanoseconds), ["45 ns", "1.2 µs", "60 ms", "2.5 s"]);
        assert_eq!([0.83, 12_345.0].map(times), ["0.83 ×", "12\u{2009}345 ×"]);
    }
}
