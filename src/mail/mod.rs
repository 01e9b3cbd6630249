//! The sending of mail to people. Each kind of mail has a file for its text.
//!
//! Mail goes to an SMTP server if one is configured, and into a folder otherwise, so that an installation without one,
//! and a test, can read what would have been sent.

pub mod password;

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use uuid::Uuid;

use crate::domain::user::Email;
use crate::error::{Error, Result};

/// Maximum time of each answer of a mail server.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// A mail to one person, in plain text.
pub struct Mail {
    /// The address.
    pub to: Email,
    /// Subject of the mail.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// The sender of mails. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

/// The debug form never shows the server's address: it can hold a password.
impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.way {
            Way::Smtp(_) => "an SMTP server".into(),
            Way::Folder(folder) => folder.display().to_string(),
        };
        f.debug_struct("Mailer").field("from", &self.from.to_string()).field("way", &way).finish()
    }
}

impl Mailer {
    /// Makes a mailer that sends from `from` through the server at `url`: `smtp://HOST`, `smtp://HOST?tls=required` or
    /// `smtps://HOST`, with `USER:PASSWORD@` before the host if the server asks for that.
    pub fn smtp(url: &str, from: Mailbox) -> Result<Self> {
        let wrong = |_| Error::invalid("`smtp_url` is not the address of a mail server");
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(wrong)?;
        Ok(Self { from, way: Way::Smtp(server.timeout(Some(SMTP_TIMEOUT)).build()) })
    }

    /// Makes a mailer that writes each mail into a file of its own in `folder`, which is made with the first.
    pub fn folder(folder: PathBuf, from: Mailbox) -> Self {
        Self { from, way: Way::Folder(folder) }
    }

    /// Sends a mail. Errors name no address: they are for the log.
    pub async fn send(&self, mail: Mail) -> Result<()> {
        let message = self.message(mail)?;
        match &self.way {
            Way::Smtp(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(Error::unavailable("the mail server does not take the mail").because(error)),
            },
            Way::Folder(folder) => {
                let folder = folder.clone();
                let written = tokio::task::spawn_blocking(move || write(&folder, &message.formatted()));
                let cannot = |error| Error::unavailable("the mail folder cannot be written").because(error);
                written.await.map_err(Error::internal)?.map_err(cannot)
            }
        }
    }

    fn message(&self, mail: Mail) -> Result<Message> {
        let to = Address::new(mail.to.local(), mail.to.domain()).map_err(Error::internal)?;
        // So that no holiday notice answers it (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .message_id(None)
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(self.body(mail.text))
            .map_err(Error::internal)
    }

    /// Returns the text as it is where possible, not broken into the short lines of an encoding: so a link stays in one
    /// piece also for people who read the file.
    fn body(&self, text: String) -> Body {
        let encoding = match &self.way {
            _ if text.is_ascii() => ContentTransferEncoding::SevenBit,
            Way::Folder(_) => ContentTransferEncoding::EightBit,
            // Not every server takes eight bits.
            Way::Smtp(_) => return Body::new(text),
        };
        Body::dangerous_pre_encoded(text.replace('\n', "\r\n").into_bytes(), encoding)
    }
}

/// Writes a mail for its owner's eyes alone: it can hold a link that is as good as a password. The file gets its final
/// name once it is whole.
fn write(folder: &Path, mail: &[u8]) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let name = Uuid::now_v7();
    let (unfinished, finished) = (folder.join(format!("{name}.part")), folder.join(format!("{name}.eml")));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?.write_all(mail)?;
    fs::rename(unfinished, finished)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    fn mail(text: &str) -> Mail {
        Mail { to: Email::parse("dana@acme.example").unwrap(), subject: "Grüße".into(), text: text.into() }
    }

    #[tokio::test]
    async fn a_mail_in_the_folder_is_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = Mailer::folder(folder.path().join("to/mail"), "Bailiwick <bailiwick@localhost>".parse().unwrap());
        let long = format!("für Dana\nhttps://access.example.com/{}\n", "x".repeat(200));
        mailer.send(mail(&long)).await.unwrap();
        mailer.send(mail("another")).await.unwrap();
        let folder = folder.path().join("to/mail");
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 2);
        assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&files[0]).unwrap();
        for line in [
            "From: Bailiwick <bailiwick@localhost>\r\n",
            "To: dana@acme.example\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "\r\n\r\nfür Dana\r\n",
            long.lines().last().unwrap(),
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    proptest! {
        #[test]
        fn r29_a_mail_can_be_made_to_every_address_that_an_account_can_have(
            local in "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.é用-]{1,20}",
            domain in "([a-zA-Z0-9ü例-]{1,8}[.。]){1,3}[a-zé]{1,5}",
        ) {
            let Ok(to) = Email::parse(&format!("{local}@{domain}")) else { return Ok(()) };
            prop_assert_eq!(&Email::parse(to.as_str()).unwrap().unique_form(), &to.unique_form());
            let mailer = Mailer::folder("unused".into(), "bailiwick@localhost".parse().unwrap());
            let message = mailer.message(Mail { to: to.clone(), subject: "Hello".into(), text: "there".into() }).unwrap();
            prop_assert_eq!(message.envelope().to()[0].to_string(), to.as_str());
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "in the way").unwrap();
        let mailer = Mailer::folder(file, "bailiwick@localhost".parse().unwrap());
        assert!(mailer.send(mail("lost")).await.unwrap_err().message.contains("mail folder"));
    }

    #[tokio::test]
    async fn a_mailer_never_shows_the_password_of_its_server() {
        let mailer = Mailer::smtp("smtps://dana:hunter2@mail.example", "a@b.example".parse().unwrap()).unwrap();
        assert!(!format!("{mailer:?}").contains("hunter2"));
        let refused = Mailer::smtp("smtp://dana:hunter2@mail.example?tls=hunter2", "a@b.example".parse().unwrap());
        assert!(!refused.unwrap_err().to_string().contains("hunter2"));
    }
}
