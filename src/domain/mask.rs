//! Masking of contacts for users of a masking profile (R20). Pure.
//!
//! The end of a value is masked: its last letters and digits, as many as the tenant says, and
//! all that stands among and behind them. Characters are what people see as one (grapheme
//! clusters), and each becomes one `*`.

use unicode_segmentation::UnicodeSegmentation;

/// Sign that is shown in place of one character.
const MASK: &str = "*";

/// The parts of a contact that are masked; what is absent stays absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// The person's name.
    pub name: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
    /// The email address.
    pub email: Option<String>,
}

impl Contact {
    /// Returns the contact with the last `characters` of each value masked.
    #[must_use]
    pub fn masked(&self, characters: usize) -> Self {
        let mask_with = |with: fn(&str, usize) -> String, value: &Option<String>| {
            value.as_deref().map(|value| with(value, characters))
        };
        Self {
            name: mask_with(masked_text, &self.name),
            phone: mask_with(masked_text, &self.phone),
            email: mask_with(masked_email, &self.email),
        }
    }
}

/// Returns a value with its last `characters` masked; the whole, when it has no more than those.
fn masked_text(value: &str, characters: usize) -> String {
    let shown: Vec<&str> = value.graphemes(true).collect();
    mask_end(&shown, characters)
}

/// Returns an address with the end of its local part masked as well as the end of its domain: either alone would tell
/// who it is. With fewer characters than would be masked in all, nothing of it is seen, `@` included.
fn masked_email(value: &str, characters: usize) -> String {
    let shown: Vec<&str> = value.graphemes(true).collect();
    if counted(&shown) <= characters {
        return MASK.repeat(shown.len());
    }
    let parts = shown.split_inclusive(|character| parts_sides(character));
    let masked = parts.map(|part| match part.split_last() {
        Some((at, before)) if parts_sides(at) => mask_end(before, characters) + *at,
        _ => mask_end(part, characters),
    });
    masked.collect()
}

/// Returns whether a character is the `@` between two sides; one that has grown together with a letter is none.
fn parts_sides(character: &str) -> bool {
    character.contains('@') && !counts(character)
}

fn mask_end(shown: &[&str], characters: usize) -> String {
    let kept = counted(shown).saturating_sub(characters);
    let places = shown.iter().enumerate().filter(|(_, character)| counts(character));
    let first_masked = if kept == 0 { 0 } else { places.map(|(at, _)| at).nth(kept).unwrap_or(shown.len()) };
    let (seen, masked) = shown.split_at(first_masked);
    seen.concat() + MASK.repeat(masked.len()).as_str()
}

fn counted(shown: &[&str]) -> usize {
    shown.iter().filter(|character| counts(character)).count()
}

/// Returns whether a character counts towards the number: a letter or a digit does, a space or a punctuation mark hides
/// no person. A `*` does, as the character under it did: so a value that is masked already stays as it is when it is
/// masked again.
fn counts(character: &str) -> bool {
    character == MASK || character.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r20_the_end_is_masked_and_the_whole_when_it_is_not_longer() {
        for (value, characters, masked) in [
            ("", 4, ""),
            ("Anna", 4, "****"),
            ("Jo", 4, "**"),
            ("Jo Li", 4, "*****"),
            ("Annas", 4, "A****"),
            ("Anna Lee", 4, "Ann*****"),
            ("O'Brien-Smith, Jr.", 4, "O'Brien-Smi*******"),
            ("+39 02 1234-5678", 4, "+39 02 1234-****"),
            ("+39 02 1234-5678", 6, "+39 02 12*******"),
            ("12-34-56-78", 4, "12-34-*****"),
            ("555 1234 ", 4, "555 *****"),
            ("-- ()", 4, "*****"),
            ("   ", 1, "***"),
            ("Ana", 100, "***"),
        ] {
            assert_eq!(masked_text(value, characters), masked, "{value:?} {characters}");
        }
    }

    #[test]
    fn r20_characters_are_what_people_see_as_one() {
        for (value, characters, masked) in [
            // An `e` with an accent of its own.
            ("Jose\u{301}", 1, "Jos*"),
            ("Jose\u{301} M", 2, "Jos***"),
            ("日本太郎", 2, "日本**"),
            ("नमस्ते", 1, "नम*"),
            // A family is one character; it is no letter, so it hides nobody by itself.
            ("Anna 👨‍👩‍👧", 2, "An****"),
            ("A\r\nBC", 2, "A\r\n**"),
        ] {
            assert_eq!(masked_text(value, characters), masked, "{value:?} {characters}");
        }
    }

    #[test]
    fn r20_an_address_is_masked_on_both_sides_of_its_at() {
        for (value, masked) in [
            ("anna.lee@example.com", "ann*****@exampl*****"),
            ("jo@li.io", "**@*****"),
            ("a@b", "***"),
            ("anna", "****"),
            ("anna.lee", "ann*****"),
            ("@example.com", "@exampl*****"),
            ("anna.lee@", "ann*****@"),
            ("anna@x.com, bob@y.com", "****@x.co******@*****"),
            ("", ""),
        ] {
            assert_eq!(masked_email(value, 4), masked, "{value:?}");
        }
    }

    #[test]
    fn what_is_absent_stays_absent() {
        let contact = Contact { name: Some("Anna Lee".into()), phone: None, email: Some(String::new()) };
        let masked = Contact { name: Some("Ann*****".into()), phone: None, email: Some(String::new()) };
        assert_eq!(contact.masked(4), masked);
    }

    /// Values like those of contacts, and values like those of nobody.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            ".{0,24}",
            "[A-Za-z0-9 .,@*+-]{0,24}",
            "[a-z.]{1,12}@[a-z.]{1,12}",
            proptest::collection::vec(any::<char>(), 0..16).prop_map(String::from_iter),
            "[\u{300}-\u{303}\u{600}\u{200d}\u{1f468}\u{1f1e6}\u{915}\u{94d}a1@*\n\r ]{0,16}",
        ]
    }

    fn both(value: &str, characters: usize) -> [(String, bool); 2] {
        [(masked_text(value, characters), false), (masked_email(value, characters), true)]
    }

    proptest! {
        #[test]
        fn r20_none_of_the_last_characters_is_seen_at_its_place(value in value(), characters in 1_usize..9) {
            let shown: Vec<&str> = value.graphemes(true).collect();
            let sides = shown.split(|character| parts_sides(character));
            for (masked, is_email) in both(&value, characters) {
                let masked: Vec<&str> = masked.graphemes(true).collect();
                prop_assert_eq!(masked.len(), shown.len());
                for (at, character) in shown.iter().enumerate() {
                    let behind = counted(&shown[at + 1..]);
                    if counts(character) && behind < characters {
                        prop_assert_eq!(masked[at], MASK, "{:?} at {}", value, at);
                    }
                    prop_assert!(masked[at] == MASK || masked[at] == *character);
                }
                let mut from = 0;
                for side in sides.clone().filter(|_| is_email) {
                    let ends = counted(side).min(characters);
                    let last = side.iter().enumerate().rev().filter(|(_, character)| counts(character)).take(ends);
                    for (at, _) in last {
                        prop_assert_eq!(masked[from + at], MASK);
                    }
                    from += side.len() + 1;
                }
            }
        }

        #[test]
        fn r20_masking_what_is_masked_changes_nothing_more(value in value(), characters in 1_usize..9) {
            for (masked, is_email) in both(&value, characters) {
                let again = if is_email { masked_email(&masked, characters) } else { masked_text(&masked, characters) };
                prop_assert_eq!(again, masked);
            }
        }
    }
}
