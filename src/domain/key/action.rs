//! Actions: those of requests, and the patterns of them in rules.

use std::borrow::Cow;
use std::sync::Arc;

use super::percent::{percent_decoded, percent_encoded, stands_for_itself};
use super::{shown, text_type};
use crate::error::{Error, Result};

/// The most bytes that an action may have.
pub const ACTION_MAX: usize = 64;

text_type!(
    /// The action of a request: `read`, `edit`, `delete`, or a host's own such as `GET`. Case kept, other bytes
    /// percent-encoded.
    Action,
    |text| if is_action(text) {
        Ok(())
    } else {
        Err(Error::bad_input(format!(
            "`{}` is not an action: a letter, then `A-Za-z0-9._~@+%-`, at most {ACTION_MAX}, are allowed, \
             percent-encode anything else",
            shown(text)
        )))
    }
);
text_type!(
    /// The action of a rule: one action, or `*` for all.
    ActionPattern,
    |text| if text == "*" || is_action(text) {
        Ok(())
    } else {
        Err(Error::invalid(format!("`{}` is not the action of a rule: an action or `*` is allowed", shown(text))))
    }
);

fn is_action(text: &str) -> bool {
    text.len() <= ACTION_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| stands_for_itself(byte) || byte == b'%')
}

impl ActionPattern {
    /// Returns every action.
    pub fn any() -> Self {
        Self(Arc::from("*"))
    }

    /// Returns whether this is `*`.
    pub fn is_any(&self) -> bool {
        self.as_str() == "*"
    }
}

impl Action {
    /// Returns the action of a host's name, percent-encoded as in [`ResourceKey::encode`](super::ResourceKey::encode).
    pub fn encode(name: &str) -> Result<Self> {
        Self::parse(&Cow::from(percent_encoded(name)))
    }

    /// Returns the host's name of which [`encode`](Self::encode) makes this action, if there is one.
    pub fn decoded(&self) -> Option<String> {
        let name = percent_decoded(&self.0)?;
        Self::encode(&name).is_ok_and(|action| action == *self).then(|| name.into_owned())
    }
}

impl From<&Action> for ActionPattern {
    fn from(action: &Action) -> Self {
        Self(Arc::clone(&action.0))
    }
}

/// Declares constants-by-function for the actions that the platform itself knows.
macro_rules! actions {
    ($($(#[$meta:meta])* $name:ident = $text:literal),+ $(,)?) => {
        impl Action {
            $($(#[$meta])* pub fn $name() -> Self { Self(Arc::from($text)) })+

            /// Returns all that the platform itself knows, in the order in which they are listed.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name()),+]
            }
        }
    };
}

actions! {
    /// The section stands in the menu.
    show = "show",
    /// See.
    read = "read",
    /// Change; create is edit on the section.
    edit = "edit",
    /// Delete.
    delete = "delete",
    /// May be chosen in a list of items.
    link = "link",
    /// Download.
    download = "download",
    /// See contacts without a mask.
    unmask = "unmask",
    /// See who did what.
    identify = "identify",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_keep_their_case_and_begin_with_a_letter() {
        for good in ["read", "GET", "App1.Module2.run", "can_read", "a%2Fb", &"x".repeat(64)] {
            assert!(Action::parse(good).is_ok() && ActionPattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "*", "/get", "1", "%41", "_x", "a b", "a*", "é", "(GET)|(POST)", "a,b", &"x".repeat(65)] {
            assert!(Action::parse(bad).is_err(), "{bad:?}");
        }
        assert_ne!(Action::parse("GET").unwrap(), Action::parse("get").unwrap());
    }

    #[test]
    fn a_hosts_action_comes_back_from_its_code_and_from_no_other() {
        for (name, code) in [("GET", "GET"), ("do it/now", "do%20it%2Fnow"), ("a*", "a%2A"), ("a%2A", "a%252A")] {
            let action = Action::encode(name).unwrap();
            assert_eq!((action.as_str(), action.decoded().as_deref()), (code, Some(name)));
        }
        for name in ["*", "", "/get", "é", &"ä".repeat(22)] {
            assert!(Action::encode(name).is_err(), "{name:?}");
        }
        for other in ["a%2a", "a%4", "a%41", "a%FF"] {
            assert_eq!(Action::parse(other).unwrap().decoded(), None, "{other}");
        }
    }
}
