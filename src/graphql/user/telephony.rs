//! The settings of a user's telephone.

use async_graphql::{Enum, InputObject, MaybeUndefined, SimpleObject};

use crate::domain::user;
use crate::error::{Error, Result};
use crate::graphql::input::given;
use crate::graphql::role::list;

/// The transport of a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Transport")]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// WebSocket
    Ws,
    /// WebSocket over TLS
    Wss,
}

/// The treatment of a firewall between a telephone and the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Nat")]
pub enum Nat {
    /// Always assume one.
    Yes,
    /// Assume none.
    No,
    /// Answer to the address that the request came from.
    ForceRport,
    /// Send media to where it comes from.
    Comedia,
    /// Never.
    Never,
    /// Depends on the route.
    Route,
}

/// An audio codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Codec")]
pub enum Codec {
    /// G.711 μ-law
    Ulaw,
    /// G.711 A-law
    Alaw,
    /// GSM
    Gsm,
    /// G.722
    G722,
    /// G.729
    G729,
    /// Opus
    Opus,
}

/// The settings of a telephone.
#[derive(Debug, Clone, SimpleObject)]
pub struct Telephony {
    /// Transport of the telephone.
    transport: Transport,
    /// Treatment of a firewall between the telephone and the switch.
    nat: Nat,
    /// Codecs that are allowed, the preferred ones first.
    #[graphql(complexity = "crate::graphql::cost::list(6, child_complexity)")]
    codecs: Vec<Codec>,
    /// Dial context of the telephone.
    context: String,
    /// Call groups of the telephone.
    #[graphql(complexity = "crate::graphql::cost::list(64, child_complexity)")]
    call_groups: Vec<String>,
    /// Pickup groups of the telephone.
    #[graphql(complexity = "crate::graphql::cost::list(64, child_complexity)")]
    pickup_groups: Vec<String>,
}

impl From<user::Telephony> for Telephony {
    fn from(telephony: user::Telephony) -> Self {
        Self {
            transport: telephony.transport.into(),
            nat: telephony.nat.into(),
            codecs: telephony.codecs.into_iter().map(Into::into).collect(),
            context: telephony.context,
            call_groups: telephony.call_groups,
            pickup_groups: telephony.pickup_groups,
        }
    }
}

/// The settings of a telephone. An absent field stays as it is, or has its default for a new user; null empties it,
/// and is refused where a value is always needed.
#[derive(InputObject)]
pub struct TelephonyInput {
    /// Transport of the telephone; null is refused.
    transport: MaybeUndefined<Transport>,
    /// Treatment of a firewall between the telephone and the switch; null is refused.
    nat: MaybeUndefined<Nat>,
    /// Codecs that are allowed, at least one, the preferred ones first; null is refused.
    codecs: MaybeUndefined<Vec<Codec>>,
    /// Dial context of the telephone; null is refused.
    context: MaybeUndefined<String>,
    /// Call groups of the telephone; null empties the list.
    call_groups: MaybeUndefined<Vec<String>>,
    /// Pickup groups of the telephone; null empties the list.
    pickup_groups: MaybeUndefined<Vec<String>>,
}

impl TelephonyInput {
    pub(super) fn change(self) -> Result<user::TelephonyChange> {
        let codecs = |codecs: Vec<Codec>| codecs.into_iter().map(Into::into).collect();
        let read = || {
            Ok(user::TelephonyChange {
                transport: given("transport", self.transport)?.map(Into::into),
                nat: given("nat", self.nat)?.map(Into::into),
                codecs: given("codecs", self.codecs)?.map(codecs),
                context: given("context", self.context)?,
                call_groups: list(self.call_groups),
                pickup_groups: list(self.pickup_groups),
            })
        };
        read().map_err(|error: Error| error.at("telephony"))
    }
}
