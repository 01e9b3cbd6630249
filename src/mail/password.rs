//! The mail with the link that sets a new password (R29).

use url::Url;

use super::Mail;
use crate::domain::key::TenantKey;
use crate::domain::name::{Name, Timestamp};
use crate::domain::user::Email;

/// A link that sets a new password, and the person that it is for.
pub struct ResetLink<'a> {
    /// The address by which people reach the installation.
    pub installation: &'a Url,
    /// The secret part.
    pub token: &'a str,
    /// The tenant's key.
    pub tenant: &'a TenantKey,
    /// The tenant's name.
    pub tenant_name: &'a Name,
    /// The name that the person signs in with.
    pub username: &'a str,
    /// The person's name.
    pub full_name: &'a str,
    /// The address that the person's account has.
    pub email: &'a Email,
    /// The network address that the link was asked for from, as far as it is known.
    pub asked_from: Option<&'a str>,
    /// Time at which the link was asked for.
    pub asked_at: Timestamp,
    /// Time until which the link holds.
    pub expires_at: Timestamp,
}

impl ResetLink<'_> {
    /// Returns the mail that carries the link.
    pub fn mail(&self) -> Mail {
        let Self { tenant, tenant_name, username, full_name, .. } = self;
        let installation = self.installation.as_str().trim_end_matches('/');
        let from = self.asked_from.map(|address| format!(", from the network address {address}")).unwrap_or_default();
        let (at, until) = (self.asked_at.to_minute(), self.expires_at.to_minute());
        // In the fragment, which browsers never send: no log and no Referer has the token.
        let link = format!("{installation}/reset-password#token={}", self.token);
        let text = format!(
            "Hello {full_name},\n\n\
             somebody asked for a new password for your account {username} of {tenant_name}\n\
             (tenant {tenant}) at {installation}.\n\
             That was at {at}{from}.\n\n\
             If it was you, open this link and choose one:\n\n\
             {link}\n\n\
             The link holds until {until}, and works once.\n\n\
             If it was not you, do nothing: your password stays as it is. Pass this mail on\n\
             to nobody. Should more of them come, tell your administrator.\n"
        );
        Mail { to: self.email.clone(), subject: format!("A new password for {username} at {tenant_name}"), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r29_the_mail_says_who_asked_for_what_until_when_it_holds_and_what_to_do() {
        let asked_at = Timestamp::from_rfc3339("2026-01-31T09:30:59.5Z").unwrap();
        let link = ResetLink {
            installation: &"https://access.example.com/rbac/".parse().unwrap(),
            token: "bwr_abc",
            tenant: &TenantKey::parse("acme").unwrap(),
            tenant_name: &Name::parse("Acme Inc.").unwrap(),
            username: "Dana",
            full_name: "Dana Reed",
            email: &Email::parse("dana@acme.example").unwrap(),
            asked_from: Some("192.0.2.7"),
            asked_at,
            expires_at: asked_at.plus_seconds(3600),
        };
        let mail = link.mail();
        assert_eq!(
            (mail.to.as_str(), mail.subject.as_str()),
            (link.email.as_str(), "A new password for Dana at Acme Inc.")
        );
        for words in [
            "Hello Dana Reed,",
            "account Dana of Acme Inc.\n(tenant acme)",
            "at 2026-01-31 09:30 UTC, from the network address 192.0.2.7.",
            "\nhttps://access.example.com/rbac/reset-password#token=bwr_abc\n",
            "until 2026-01-31 10:30 UTC, and works once",
            "If it was not you, do nothing",
        ] {
            assert!(mail.text.contains(words), "{words:?} is not in:\n{}", mail.text);
        }
    }
}
