//! Email addresses that mails can be sent to.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

use crate::domain::letters;
use crate::error::{Error, Result};

/// The most bytes of an address, and of the part before its `@`: the limits of SMTP.
const ADDRESS_MAX: usize = 254;
const LOCAL_MAX: usize = 64;

/// An email address that mails reach: no name beside it, nothing in quotation marks, and the domain in the letters
/// that DNS knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The address that is mailed to: the part before the `@` as it was given, and the domain in ASCII.
    text: String,
    /// The place of the `@`.
    at: usize,
    /// The lowercase form of what was given, by which older versions kept it.
    given: String,
}

impl Email {
    /// Checks the text.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("this is not an email address that mails can be sent to").at("email");
        let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
        let local: String = local.nfc().collect();
        if !is_local(&local) {
            return Err(wrong());
        }
        let domain = in_ascii(domain).ok_or_else(wrong)?;
        if local.len() + 1 + domain.len() > ADDRESS_MAX {
            return Err(wrong());
        }
        Ok(Self { at: local.len(), text: format!("{local}@{domain}"), given: text.to_lowercase() })
    }

    /// Returns the address itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the part before the `@`.
    pub fn local(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// Returns the domain, in ASCII and lowercase.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Returns the form that is unique in the tenant: lowercase.
    pub fn unique_form(&self) -> String {
        self.text.to_lowercase()
    }

    /// Returns all unique forms under which an account can have this address: first the one that older versions made of
    /// what was given, then the one of now, and the one of older versions where the domain has other letters than those
    /// of ASCII.
    pub fn forms(&self) -> Vec<String> {
        let (domain, _) =
            Uts46::new().to_unicode(self.domain().as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        let mut forms = vec![self.given.clone()];
        for form in [self.unique_form(), format!("{}@{domain}", self.local().to_lowercase())] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms
    }
}

/// Returns whether the text is words with dots between them: every mail server takes that before the `@`.
fn is_local(text: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_sign);
    text.len() <= LOCAL_MAX
        && text.split('.').all(is_word)
        && letters::unseen(text).is_none()
        && !text.chars().any(char::is_whitespace)
}

/// Returns a domain as DNS knows it; `None` when it cannot be one that mails go to.
fn in_ascii(domain: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    let (_, top) = ascii.rsplit_once('.')?;
    // A last label of digits is that of an address of IPv4.
    let is_number = top.bytes().all(|b| b.is_ascii_digit());
    (!is_number).then(|| ascii.into_owned())
}
