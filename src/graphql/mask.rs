//! Contacts as users of masking profiles see them.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::context::caller;
use super::input::parse_opt;
use crate::domain::key::UserKey;
use crate::error::{ErrorCode, Result};
use crate::service::ask::mask::Contact;

/// Contacts to mask, with the data view and the user who sees them.
#[derive(InputObject)]
pub struct MaskInput {
    /// The data view in which they are shown, such as `contacts` or `interactions`.
    view: String,
    /// Bare key of the user, such as `dana`; the caller when absent.
    subject: Option<String>,
    /// The contacts: 1 to 1000.
    contacts: Vec<ContactInput>,
}

/// The values of a contact that can be masked. A value that is absent or null stays null.
#[derive(InputObject)]
pub struct ContactInput {
    /// Name of the person.
    name: Option<String>,
    /// Telephone number.
    phone: Option<String>,
    /// Email address.
    email: Option<String>,
}

/// A contact as the subject sees it.
#[derive(SimpleObject)]
pub struct MaskedContact {
    /// Name of the person.
    name: Option<String>,
    /// Telephone number.
    phone: Option<String>,
    /// Email address.
    email: Option<String>,
    /// `true` if the subject sees the contact masked.
    masked: bool,
}

impl From<ContactInput> for Contact {
    fn from(ContactInput { name, phone, email }: ContactInput) -> Self {
        Self { name, phone, email }
    }
}

/// The query that masks.
#[derive(Default)]
pub struct MaskQuery;

#[Object]
impl MaskQuery {
    /// Returns contacts as a user sees them in a data view, in their order: the end of each value is masked where the
    /// user may not `unmask` them. Callers may ask about themselves; asking about others needs `read` on
    /// `admin/decisions`.
    #[graphql(complexity = "super::cost::list(input.contacts.len(), child_complexity)")]
    async fn masked(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contacts, and who looks at them where.")] input: MaskInput,
    ) -> Result<Vec<MaskedContact>> {
        let (platform, caller) = caller(ctx)?;
        let MaskInput { view, subject, contacts } = input;
        let shown = async {
            let subject = parse_opt("subject", subject.as_deref(), UserKey::parse)
                .map_err(|error| error.with_code(ErrorCode::BadInput))?;
            let contacts = contacts.into_iter().map(Into::into).collect();
            platform.contact_show(caller, &view, subject.as_ref(), contacts).await
        };
        let shown = shown.await.map_err(|error| error.at("input"))?;
        let masked = shown.masked;
        let contacts = shown.contacts.into_iter();
        Ok(contacts.map(|Contact { name, phone, email }| MaskedContact { name, phone, email, masked }).collect())
    }
}
