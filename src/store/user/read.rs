//! Users as people look at them.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, Condition, PaginatorTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use crate::domain::key::{GroupKey, ProfileKey, RoleKey, UserKey};
use crate::domain::name::Timestamp;
use crate::domain::user::{BaseRole, Email, Telephony, User};
use crate::error::{Error, Result};
use crate::policy::reach::Reach;
use crate::store::Scope;
use crate::store::entity::group::group_member;
use crate::store::entity::user::user;
use crate::store::page::{Keyset, Page, PageOf, search_named};
use crate::store::reach::within;
use crate::store::state;

/// A user with its account, without a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Part of the user that decides their access.
    pub user: User,
    /// The name to sign in with, as typed.
    pub username: String,
    /// The person's name.
    pub full_name: String,
    /// The email address.
    pub email: Option<String>,
    /// `true` if there is a password to sign in with.
    pub has_password: bool,
    /// The extension.
    pub extension: String,
    /// The telephone's settings.
    pub telephony: Telephony,
    /// Time at which the account was made.
    pub created_at: Timestamp,
    /// Time at which the password was last set anew.
    pub last_password_reset_at: Option<Timestamp>,
}

impl UserRow {
    /// Returns the part of the account that the audit log shows: no secret.
    pub fn for_audit(&self) -> serde_json::Value {
        serde_json::json!({
            "username": self.username,
            "fullName": self.full_name,
            "email": self.email,
            "extension": self.extension,
            "telephony": self.telephony,
        })
    }
}

/// Filter of the listed users; a part that is `None` holds for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserFilter {
    /// Text in the username, the name, the email address or the extension.
    pub search: Option<String>,
    /// Base role of the users.
    pub base_role: Option<BaseRole>,
    /// The enabled or the disabled ones.
    pub enabled: Option<bool>,
    /// Profile that the users hold.
    pub profile: Option<ProfileKey>,
    /// Custom role that the users hold.
    pub role: Option<RoleKey>,
    /// The members of a group.
    pub group: Option<GroupKey>,
}

/// Values of a list that some user has already.
#[derive(Debug, Default)]
pub struct Taken {
    /// Email addresses, in their unique form.
    pub emails: BTreeSet<String>,
    /// Extensions.
    pub extensions: BTreeSet<String>,
}

/// Order of the listed users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserOrder {
    /// Ascending by name.
    #[default]
    NameAscending,
    /// Descending by name.
    NameDescending,
    /// The oldest account first.
    OldestFirst,
    /// The newest account first.
    NewestFirst,
}

impl UserOrder {
    fn keyset(self) -> Keyset<user::Column> {
        use user::Column::{CreatedAt, Key, SortKey};
        match self {
            Self::NameAscending => Keyset::ascending([SortKey, Key]),
            Self::NameDescending => Keyset::descending([SortKey, Key]),
            Self::OldestFirst => Keyset::ascending([CreatedAt, Key]),
            Self::NewestFirst => Keyset::descending([CreatedAt, Key]),
        }
    }
}

fn row_of(row: user::Model) -> Result<UserRow> {
    Ok(UserRow {
        user: state::user::of(&row)?,
        username: row.username,
        full_name: row.full_name,
        email: row.email,
        has_password: row.password_hash.is_some(),
        extension: row.extension,
        telephony: serde_json::from_value(row.telephony).map_err(Error::internal)?,
        created_at: Timestamp(row.created_at),
        last_password_reset_at: row.last_password_reset_at.map(Timestamp),
    })
}

impl Scope {
    /// Returns a page of the users that the filter finds.
    pub async fn users(&self, filter: &UserFilter, order: UserOrder, page: &Page) -> Result<PageOf<UserRow>> {
        order.keyset().page(&self.db, self.select_users(filter), page).await?.try_map(row_of)
    }

    /// Returns a page of the users that the filter finds, are of base role AGENT and in reach.
    pub async fn agents(
        &self,
        filter: &UserFilter,
        reach: &Reach,
        order: UserOrder,
        page: &Page,
    ) -> Result<PageOf<UserRow>> {
        order.keyset().page(&self.db, self.select_agents(filter, reach), page).await?.try_map(row_of)
    }

    /// Counts the agents that are in reach and the filter finds.
    pub async fn agents_count(&self, filter: &UserFilter, reach: &Reach) -> Result<u64> {
        Ok(self.select_agents(filter, reach).count(&self.db).await?)
    }

    fn select_agents(&self, filter: &UserFilter, reach: &Reach) -> Select<user::Entity> {
        let agents = user::Column::BaseRole.eq(BaseRole::Agent.as_ref());
        self.select_users(filter).filter(agents).filter(within(&self.db, user::Column::Key, reach))
    }

    /// Counts the managers who hold no custom role.
    pub async fn plain_managers_count(&self) -> Result<u64> {
        let managers = self.select_users(&UserFilter { base_role: Some(BaseRole::Manager), ..UserFilter::default() });
        Ok(managers.filter(user::Column::Role.is_null()).count(&self.db).await?)
    }

    /// Counts the users that the filter finds.
    pub async fn users_count(&self, filter: &UserFilter) -> Result<u64> {
        Ok(self.select_users(filter).count(&self.db).await?)
    }

    fn select_users(&self, filter: &UserFilter) -> Select<user::Entity> {
        use user::Column::{BaseRole, Email, Enabled, Extension, Key, Profile, Role, SortKey, Username};
        let mut these = Condition::all();
        these = these.add(search_named(&self.db, filter.search.as_deref(), SortKey, &[Username, Email, Extension]));
        these = these.add_option(filter.base_role.map(|role| BaseRole.eq(role.as_ref())));
        these = these.add_option(filter.enabled.map(|enabled| Enabled.eq(enabled)));
        these = these.add_option(filter.profile.as_ref().map(|profile| Profile.eq(profile.as_str())));
        these = these.add_option(filter.role.as_ref().map(|role| Role.eq(role.as_str())));
        these = these.add_option(filter.group.as_ref().map(|group| {
            let members = Query::select()
                .column(group_member::Column::User)
                .from(group_member::Entity)
                .and_where(group_member::Column::TenantId.eq(self.tenant.0))
                .and_where(group_member::Column::Group.eq(group.as_str()))
                .take();
            Key.in_subquery(members)
        }));
        self.find::<user::Entity>().filter(these)
    }

    /// Returns the users of these keys, in no order; one that is not there is not in the answer.
    pub async fn users_by_keys(&self, keys: &[UserKey]) -> Result<Vec<UserRow>> {
        let these = user::Column::Key.is_in(keys.iter().map(UserKey::as_str));
        self.find::<user::Entity>().filter(these).all(&self.db).await?.into_iter().map(row_of).collect()
    }

    /// Returns the users of these keys that the filter finds, in no order.
    pub async fn users_among(&self, keys: &[UserKey], filter: &UserFilter) -> Result<Vec<UserRow>> {
        self.select_among(keys, filter).all(&self.db).await?.into_iter().map(row_of).collect()
    }

    /// Counts the users of these keys that the filter finds.
    pub async fn users_among_count(&self, keys: &[UserKey], filter: &UserFilter) -> Result<u64> {
        Ok(self.select_among(keys, filter).count(&self.db).await?)
    }

    fn select_among(&self, keys: &[UserKey], filter: &UserFilter) -> Select<user::Entity> {
        self.select_users(filter).filter(user::Column::Key.is_in(keys.iter().map(UserKey::as_str)))
    }

    /// Returns the user of this key.
    pub async fn user(&self, key: &UserKey) -> Result<Option<UserRow>> {
        self.one_user(user::Column::Key.eq(key.as_str())).await
    }

    /// Returns the user of this internal id.
    pub async fn user_by_id(&self, id: Uuid) -> Result<Option<UserRow>> {
        self.one_user(user::Column::Id.eq(id)).await
    }

    /// Reads the user with this email address. Of two accounts that older versions took for those of two
    /// addresses, it is the one with the form that was given.
    pub async fn user_by_email(&self, email: &Email) -> Result<Option<UserRow>> {
        let forms = email.forms();
        let mut rows = self.find::<user::Entity>().filter(user::Column::EmailKey.is_in(&forms)).all(&self.db).await?;
        rows.sort_by_key(|row| forms.iter().position(|form| row.email_key.as_ref() == Some(form)));
        rows.into_iter().next().map(row_of).transpose()
    }

    /// Returns the ones among these email addresses, in their unique form, and extensions that some user has already.
    pub async fn taken(&self, emails: Vec<String>, extensions: Vec<String>) -> Result<Taken> {
        use user::Column::{EmailKey, Extension};
        let these = Condition::any().add(EmailKey.is_in(emails)).add(Extension.is_in(extensions));
        let select = self.find::<user::Entity>().filter(these).select_only().column(EmailKey).column(Extension);
        let rows: Vec<(Option<String>, String)> = select.into_tuple().all(&self.db).await?;
        let mut taken = Taken::default();
        for (email, extension) in rows {
            taken.emails.extend(email);
            taken.extensions.insert(extension);
        }
        Ok(taken)
    }

    async fn one_user(&self, which: sea_orm::sea_query::Expr) -> Result<Option<UserRow>> {
        self.find::<user::Entity>().filter(which).one(&self.db).await?.map(row_of).transpose()
    }

    /// Counts the users who hold each of these profiles; a profile that no user holds is not in the answer.
    pub async fn profile_user_counts(&self, profiles: &[ProfileKey]) -> Result<HashMap<ProfileKey, u64>> {
        self.user_counts(user::Column::Profile, profiles.iter().map(ProfileKey::as_str), ProfileKey::parse).await
    }

    /// Counts the users who hold each of these custom roles; a role that no user holds is not in the answer.
    pub async fn role_user_counts(&self, roles: &[RoleKey]) -> Result<HashMap<RoleKey, u64>> {
        self.user_counts(user::Column::Role, roles.iter().map(RoleKey::as_str), RoleKey::parse).await
    }

    async fn user_counts<'a, K: std::hash::Hash + Eq>(
        &self,
        column: user::Column,
        keys: impl Iterator<Item = &'a str> + Send,
        parse: fn(&str) -> Result<K>,
    ) -> Result<HashMap<K, u64>> {
        let counts = self.find::<user::Entity>().select_only().column(column).column_as(user::Column::Key.count(), "n");
        let rows: Vec<(String, i64)> =
            counts.filter(column.is_in(keys)).group_by(column).into_tuple().all(&self.db).await?;
        rows.into_iter().map(|(key, n)| Ok((crate::store::error::stored(parse(&key))?, n.cast_unsigned()))).collect()
    }
}
