//! Things with an id, and the ids: opaque to clients, a kind and an internal id to us.

use async_graphql::{ID, Interface};
use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use super::audit::AuditEvent;
use super::group::Group;
use super::profile::Profile;
use super::resource::Resource;
use super::role::Role;
use super::tenant::Tenant;
use super::user::User;

/// A thing with an id by which `node` finds it again.
#[derive(Clone, Interface)]
#[graphql(field(name = "id", ty = "&ID", desc = "The opaque id for `node`."))]
pub enum Node {
    /// A tenant.
    Tenant(Tenant),
    /// A user.
    User(User),
    /// A user profile.
    Profile(Profile),
    /// A role.
    Role(Role),
    /// A group.
    Group(Group),
    /// A resource.
    Resource(Resource),
    /// An audit event.
    AuditEvent(AuditEvent),
}

/// The kinds of things with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tenant,
    User,
    Profile,
    Role,
    Group,
    Resource,
    AuditEvent,
}

const KINDS: [(Kind, u8); 7] = [
    (Kind::Tenant, b't'),
    (Kind::User, b'u'),
    (Kind::Profile, b'p'),
    (Kind::Role, b'r'),
    (Kind::Group, b'g'),
    (Kind::Resource, b'o'),
    (Kind::AuditEvent, b'a'),
];

/// Returns the opaque id of a thing.
pub(super) fn node_id(kind: Kind, id: Uuid) -> ID {
    let letter = KINDS.iter().find(|(known, _)| *known == kind).map_or(b'?', |(_, letter)| *letter);
    let mut bytes = Vec::with_capacity(17);
    bytes.push(letter);
    bytes.extend_from_slice(id.as_bytes());
    ID(BASE64URL_NOPAD.encode(&bytes))
}

/// Parses an opaque id; `None` if it is not one of ours.
pub(super) fn parse_id(id: &ID) -> Option<(Kind, Uuid)> {
    let bytes = BASE64URL_NOPAD.decode(id.as_bytes()).ok()?;
    let (letter, id) = bytes.split_first()?;
    let kind = KINDS.iter().find(|(_, known)| known == letter).map(|(kind, _)| *kind)?;
    Some((kind, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_others_are_refused() {
        let id = Uuid::now_v7();
        assert_eq!(parse_id(&node_id(Kind::Group, id)), Some((Kind::Group, id)));
        for wrong in ["", "x", "group:1", "emdnZ2dnZ2dnZ2dnZ2dnZ2c", "dQ"] {
            assert_eq!(parse_id(&ID::from(wrong)), None, "{wrong}");
        }
    }
}
