//! Contacts as a user sees them (R20). The host shows the masked contacts, and keeps the originals.

use crate::auth::caller::Caller;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::{Action, Object, UserKey};
pub use crate::domain::mask::Contact;
use crate::error::{Error, Result};
use crate::service::Platform;
use crate::service::access::permit::{Permit, asked_about};

/// Maximum number of contacts in one call.
pub const CONTACTS_MAX: usize = 1000;

/// Contacts as a subject sees them in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Contacts, in the order of the request.
    pub contacts: Vec<Contact>,
    /// `true` if the contacts are masked for this subject.
    pub masked: bool,
}

impl Platform {
    /// Returns the contacts as the subject (the caller if absent) sees them in a data view. Subjects without `unmask`
    /// there see them masked, including unknown and disabled users.
    pub async fn contact_show(
        &self,
        caller: &Caller,
        view: &str,
        subject: Option<&UserKey>,
        contacts: Vec<Contact>,
    ) -> Result<Shown> {
        if !(1..=CONTACTS_MAX).contains(&contacts.len()) {
            return Err(Error::bad_input(format!("1 to {CONTACTS_MAX} contacts at once are allowed")).at("contacts"));
        }
        let tenant = self.authorise_about(caller, Permit::DECISIONS_READ, subject.into_iter()).await?;
        let data = data_of(&self.parts.catalogue, view).map_err(|error| error.at("view"))?;
        let policy = tenant.policy();
        if policy.allows(&asked_about(caller, subject), &data, &Action::unmask()) {
            return Ok(Shown { contacts, masked: false });
        }
        // The settings hold the number within 1 to 100.
        let characters = usize::try_from(policy.settings.masked_characters).map_err(Error::internal)?;
        Ok(Shown { contacts: contacts.iter().map(|contact| contact.masked(characters)).collect(), masked: true })
    }
}

/// Returns the object of the contacts of a data view.
fn data_of(catalogue: &Catalogue, view: &str) -> Result<Object> {
    let mut showing = catalogue.data_views().iter().filter(|known| known.masks_contacts);
    if showing.clone().any(|known| known.key.as_str() == view) {
        return Object::parse(&format!("data/{view}"));
    }
    let first = showing.next().map_or_else(String::new, |known| format!("`{}`", known.key));
    let names = showing.fold(first, |names, known| format!("{names}, `{}`", known.key));
    Err(Error::bad_input(format!("no such view shows contacts; there are {names}")))
}
