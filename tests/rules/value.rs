//! Values of the wrong form are refused where they are read.

use std::str::FromStr;

use super::*;
use bailiwick::domain::avatar::ImageType;
use bailiwick::domain::key::{ActionPattern, ModuleKey, ObjectPattern};
use bailiwick::domain::name::{Name, check_description};
use bailiwick::policy::rule::{BuiltIn, OriginKind, Rule};
use bailiwick::store::audit::ActorKind;
use strum::VariantArray;

/// Returns the codes of the texts' refusals.
fn refusals<K: TryFrom<String, Error = Error> + std::fmt::Debug>(texts: &[&str]) -> BTreeSet<&'static str> {
    texts.iter().map(|text| K::try_from((*text).to_owned()).unwrap_err().code.into()).collect()
}

#[test]
fn keys_objects_and_actions_of_the_wrong_form_are_refused() {
    let invalid = BTreeSet::from(["INVALID"]);
    let bad_input = BTreeSet::from(["BAD_INPUT"]);
    let long = "x".repeat(129);
    assert_eq!(refusals::<ModuleKey>(&["", "Voice", "voice/queues", "*"]), invalid);
    assert_eq!(refusals::<SectionKey>(&["", "voice", "voice/", "/queues", "voice/queues/x", "voice/*"]), invalid);
    assert_eq!(refusals::<ResourceKey>(&["", ".", "..", "*", "a/b", "a b", "é", "a:b", "a,b", &long]), invalid);
    assert_eq!(refusals::<ObjectPattern>(&["", "*", "/*", "a*", "a/*/b", "a//b"]), invalid);
    assert_eq!(refusals::<ActionPattern>(&["", "**", "1", "read*", "a b"]), invalid);
    assert_eq!(refusals::<Object>(&["", "*", "voice/*", "voice/", "a//b", "é"]), bad_input);
    assert_eq!(refusals::<Action>(&["", "*", "1", "-read", "_read", "re/ad", "ré", &"r".repeat(65)]), bad_input);
}

#[test]
fn what_is_refused_is_shown_short_and_escaped() {
    let message = GroupKey::parse(&format!("\n{}", "X".repeat(500))).unwrap_err().message;
    assert!(message.starts_with("`\\nXXX") && message.contains('…') && message.len() < 200, "{message}");
}

#[test]
fn names_descriptions_and_times_of_the_wrong_form_are_refused() {
    let long = "x".repeat(201);
    for bad in ["", "  ", "a\nb", "a\u{0}b", "\u{200b}", "\u{a0}", &long] {
        assert_eq!(refusal(Name::parse(bad)).0, ErrorCode::Invalid, "{bad:?}");
    }
    assert_eq!(Name::parse("  Night shift ").unwrap().as_str(), "Night shift");
    check_description(&"é\n".repeat(1000)).unwrap();
    for bad in ["x".repeat(2001), "a\u{7}".to_owned()] {
        assert_eq!(refusal(check_description(&bad)), (ErrorCode::Invalid, "description".to_owned()));
    }
    let time = Timestamp::from_rfc3339("2026-01-31T09:30:00Z").unwrap();
    assert_eq!(time.plus_seconds(90).to_rfc3339(), "2026-01-31T09:31:30Z");
    for bad in ["", "yesterday", "2026-01-31", "2026-02-30T00:00:00Z"] {
        assert_eq!(Timestamp::from_rfc3339(bad).unwrap_err().code, ErrorCode::BadInput, "{bad}");
    }
}

/// Checks that `words` are the words of all variants, in their order, and that others are refused as not `what`.
fn check_words<W>(words: &[&str], what: &str)
where
    W: VariantArray + AsRef<str> + FromStr<Err = Error> + PartialEq + std::fmt::Debug,
{
    assert_eq!(W::VARIANTS.iter().map(AsRef::as_ref).collect::<Vec<_>>(), words);
    for (word, variant) in words.iter().zip(W::VARIANTS) {
        assert_eq!(word.parse::<W>().unwrap(), *variant);
    }
    for wrong in ["", "READ", "Admin", "read edit", "root\n"] {
        let error = wrong.parse::<W>().unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert_eq!(error.message, format!("`{}` is not {what}", wrong.escape_debug()));
    }
}

#[test]
fn stored_words_read_back_and_others_are_refused() {
    check_words::<PermissionType>(&["read", "read_edit", "read_delete", "read_edit_delete"], "a permission type");
    check_words::<BaseRole>(&["admin", "manager", "user", "agent", "service"], "a base role");
    check_words::<OriginKind>(&["profile", "role", "group", "licence", "built_in", "user"], "a kind of origin");
    check_words::<ActorKind>(&["user", "operator", "system"], "a kind of actor");
    check_words::<Effect>(&["allow", "deny"], "an effect");
    check_words::<ImageType>(&["image/png", "image/jpeg"], "a type of avatars");
    let built_in: Vec<&str> = BuiltIn::VARIANTS.iter().map(AsRef::as_ref).collect();
    assert_eq!(built_in, ["admin", "manager", "agent", "service", "member"]);
}

#[test]
fn a_stored_line_that_is_no_rule_of_ours_is_refused() {
    for subject in ["", "dana", "user:", "user:Da na", "role:root", "team:x", "custom:*"] {
        assert_eq!(Subject::parse(subject).unwrap_err().code, ErrorCode::Invalid, "{subject}");
    }
    let lines: [&[&str]; 6] = [
        &[],
        &["p", "user:dana", "voice", "read"],
        &["p", "user:dana", "voice", "read", "maybe"],
        &["p", "user:dana", "*", "read", "allow"],
        &["g", "user:dana", "role:root"],
        &["g2", "user:dana", "role:admin"],
    ];
    for line in lines {
        let line: Vec<String> = line.iter().map(ToString::to_string).collect();
        assert_eq!(Rule::try_from(line.clone()).unwrap_err().code, ErrorCode::Invalid, "{line:?}");
    }
}
