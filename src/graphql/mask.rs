//! Contacts as users of masking profiles see them.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::context::caller;
use super::input::parse_opt;
use crate::domain::key::UserKey;
use crate::error::{ErrorCode, Result};
use crate::service::mask::Contact;

/// Contacts, and who looks at them where.
#[derive(InputObject)]
pub struct MaskInput {
    /// The data view in which they are shown, such as `contacts` or `interactions`.
    view: String,
    /// The user's bare key, such as `dana`; the caller when absent.
    subject: Option<String>,
    /// The contacts: 1 to 1000.
    contacts: Vec<ContactInput>,
}

/// What is masked of a contact. What is absent or null stays null.
#[derive(InputObject)]
pub struct ContactInput {
    /// The person's name.
    name: Option<String>,
    /// The telephone number.
    phone: Option<String>,
    /// The email address.
    email: Option<String>,
}

/// A contact as the subject sees it.
#[derive(SimpleObject)]
pub struct MaskedContact {
    /// The person's name.
    name: Option<String>,
    /// The telephone number.
    phone: Option<String>,
    /// The email address.
    email: Option<String>,
    /// Whether the subject sees it masked.
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
    /// Contacts as a user sees them in a data view, in their order: the end of each value masked
    /// where the user may not `unmask` them. Anyone may ask about themselves; asking about others
    /// needs `read` on `admin/decisions`.
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
            platform.show_contacts(caller, &view, subject.as_ref(), contacts).await
        };
        let shown = shown.await.map_err(|error| error.at("input"))?;
        let masked = shown.masked;
        let contacts = shown.contacts.into_iter();
        Ok(contacts.map(|Contact { name, phone, email }| MaskedContact { name, phone, email, masked }).collect())
    }
}
