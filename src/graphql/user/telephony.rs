//! How a user's telephone talks.

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

/// What is done about a firewall between a telephone and the switch.
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
    /// By route.
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

/// How a telephone talks.
#[derive(Debug, Clone, SimpleObject)]
pub struct Telephony {
    /// The transport.
    transport: Transport,
    /// What is done about a firewall in between.
    nat: Nat,
    /// The codecs that are allowed, the preferred ones first.
    #[graphql(complexity = "crate::graphql::cost::list(6, child_complexity)")]
    codecs: Vec<Codec>,
    /// The dial context.
    context: String,
    /// The call groups.
    #[graphql(complexity = "crate::graphql::cost::list(64, child_complexity)")]
    call_groups: Vec<String>,
    /// The pickup groups.
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

/// How a telephone talks. What is absent stays as it is, for a new user as by default; null empties, and is
/// refused where there is always something.
#[derive(InputObject)]
pub struct TelephonyInput {
    /// The transport; null is refused.
    transport: MaybeUndefined<Transport>,
    /// What is done about a firewall in between; null is refused.
    nat: MaybeUndefined<Nat>,
    /// The codecs that are allowed, at least one, the preferred ones first; null is refused.
    codecs: MaybeUndefined<Vec<Codec>>,
    /// The dial context; null is refused.
    context: MaybeUndefined<String>,
    /// The call groups.
    call_groups: MaybeUndefined<Vec<String>>,
    /// The pickup groups.
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
