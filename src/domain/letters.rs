//! Letters as people see them: which of them can be seen at all, which texts are alike but for their form, in
//! which order people look for them, and what they are in ASCII.

use deunicode::deunicode_char;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// The most characters of a text that decide its place in a list. A few letters stand for whole phrases.
const ORDERED_MAX: usize = 256;

/// Returns what all texts have in common that differ in case or in the form of their letters alone: `ADMINS`, and
/// `admins` in full-width letters, are `admins`. Characters that show nothing do not count.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd().filter(|c| !is_ignorable(*c)).flat_map(in_lower_case).nfkc().collect()
}

/// Returns what a text is looked for and sorted by: folded, and without the accents of its letters.
pub fn searched(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().take(ORDERED_MAX).map(|c| c.to_ascii_lowercase()).collect();
    }
    let mut bare = String::with_capacity(text.len());
    for c in folded(text).nfd().filter(|c| !is_accent(*c)) {
        match plain(c) {
            Some(letters) => bare.push_str(letters),
            None => bare.push(c),
        }
    }
    bare.nfc().take(ORDERED_MAX).collect()
}

/// Returns a character in lowercase, as all of its cases have it: a final sigma as any other, a sharp s as two.
fn in_lower_case(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Returns in ASCII those letters of European languages whose strokes and joints are no accents.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

/// Tells whether this is an accent that any letter can have. Marks of one script alone are letters of it.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Tells whether Unicode ignores a character by default: it shows nothing of its own.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Tells whether a character joins, parts or forms the letters around it, where these are not of ASCII.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}')
}

/// Returns the first character of a text that cannot be seen where it stands, or that turns others around.
pub fn unseen(text: &str) -> Option<char> {
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let parts = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace());
        // A letter has its form before the next one comes; what joins needs one on either side.
        let fits = is_joiner(c)
            && parts(before)
            && !before.is_some_and(|before| matches!(before, '\u{200C}' | '\u{200D}'))
            && (matches!(c, '\u{FE0E}' | '\u{FE0F}') || parts(rest.peek().copied()));
        if !fits && !is_visible(c) {
            return Some(c);
        }
        before = Some(c);
    }
    None
}

fn is_visible(c: char) -> bool {
    // A pattern of Braille without a dot.
    if is_ignorable(c) || c == '\u{2800}' {
        return false;
    }
    match c.general_category() {
        // Signs above the numbers that follow them are of this kind too.
        GeneralCategory::Format => {
            matches!(
                c,
                '\u{600}'
                    ..='\u{605}'
                        | '\u{6DD}'
                        | '\u{70F}'
                        | '\u{890}'
                        | '\u{891}'
                        | '\u{8E2}'
                        | '\u{110BD}'
                        | '\u{110CD}'
            )
        }
        GeneralCategory::Control
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator
        | GeneralCategory::PrivateUse
        | GeneralCategory::Surrogate => false,
        _ => true,
    }
}

/// Tells whether anything of a text can be seen by itself: an accent without a letter cannot.
pub fn has_substance(text: &str) -> bool {
    text.chars().any(|c| {
        let alone = matches!(c.general_category_group(), GeneralCategoryGroup::Mark | GeneralCategoryGroup::Separator);
        !alone && is_visible(c)
    })
}

/// Returns the letters, digits and gaps of a text in ASCII: `Supervisión Ñ` is `Supervision N`, and each sign of
/// Chinese a word. What stands for nothing is a gap.
pub fn transliterated(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.nfc().filter(|c| !is_ignorable(*c)) {
        if c.is_ascii() {
            ascii.push(c);
        } else if c.general_category_group() != GeneralCategoryGroup::Mark || !is_accent(c) {
            // Apostrophes stand for letters without a sound.
            let letters = deunicode_char(c).unwrap_or(" ");
            ascii.extend(letters.chars().filter(|c| !matches!(c, '\'' | '`')));
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_differ_in_case_or_form_alone_fold_alike() {
        for alike in [
            ["Admins", "ADMINS", "Ａｄｍｉｎｓ"],
            ["Γιώργος", "ΓΙΏΡΓΟΣ", "γιώργοσ"],
            ["Straße", "STRASSE", "STRAẞE"],
            ["Ñandú", "ÑANDÚ", "N\u{303}andu\u{301}"],
            ["ﬁnance", "FINANCE", "fin\u{200d}ance"],
            ["Kelvin", "\u{212A}elvin", "kelvin"],
        ] {
            let [first, rest @ ..] = alike.map(folded);
            assert!(rest.iter().all(|other| *other == first), "{alike:?}");
        }
        assert_ne!(folded("Resumé"), folded("Resume"));
    }

    #[test]
    fn a_place_in_a_list_is_the_same_with_accents_and_without() {
        for (text, plain) in [("Ägidius", "agidius"), ("Łukasz Ødegård", "lukasz odegard"), ("Þórr", "thorr")] {
            assert_eq!(searched(text), plain);
        }
        assert_eq!(searched("が"), "が", "a mark of one script is a part of its letters");
        assert!(searched(&"\u{FDFA}".repeat(200)).chars().count() <= ORDERED_MAX);
    }

    #[test]
    fn what_cannot_be_seen_is_told() {
        for (text, expected) in [
            ("\u{200b}", '\u{200b}'),
            ("Admins\u{200b}", '\u{200b}'),
            ("\u{202e}Admins", '\u{202e}'),
            ("a\u{2066}b", '\u{2066}'),
            ("\u{2800}", '\u{2800}'),
            ("soft\u{ad}hyphen", '\u{ad}'),
            ("Admins\u{200d}", '\u{200d}'),
            ("A\u{200d}B", '\u{200d}'),
            ("ن\u{200c}\u{200c}ن", '\u{200c}'),
            ("tag\u{E0041}", '\u{E0041}'),
            ("\u{E000}", '\u{E000}'),
            ("two\u{2028}lines", '\u{2028}'),
            ("bell\u{7}", '\u{7}'),
            ("\u{3164}", '\u{3164}'),
        ] {
            assert_eq!(unseen(text), Some(expected), "{text:?}");
        }
        for text in [
            "Night shift",
            "Équipe n° 1",
            "میرزایی\u{200c}نژاد",
            "👩\u{200d}💻 team",
            "❤\u{fe0f}",
            "क\u{94d}\u{200d}ष",
            "東京",
            "𝓐",
        ] {
            assert_eq!(unseen(text), None, "{text:?}");
            assert!(has_substance(text));
        }
        for text in ["\u{301}", "\u{a0}\u{3000}", ""] {
            assert!(!has_substance(text), "{text:?}");
        }
    }

    #[test]
    fn letters_of_any_script_become_ascii() {
        for (text, ascii) in [
            ("Supervisión Ñ", "Supervision N"),
            ("N\u{303}", "N"),
            ("Größe", "Grosse"),
            ("Ночная смена", "Nochnaia smena"),
            ("Ομάδα", "Omada"),
        ] {
            assert_eq!(transliterated(text), ascii);
        }
    }

    proptest! {
        #[test]
        fn folding_what_is_folded_changes_nothing(text in "\\PC{0,12}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once.clone());
            prop_assert_eq!(searched(&once), searched(&text));
        }

        #[test]
        fn transliterated_is_ascii(text in any::<String>()) {
            prop_assert!(transliterated(&text).is_ascii());
        }
    }
}
