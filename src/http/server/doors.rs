//! Admission of connections: so many in all, and so many from one address. When all places are taken, those that
//! leave us waiting make room: of the network with the most of them, one by one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Uncounted;
use super::notice::Notice;
use super::pace::{Lingers, Pace};
use crate::auth::address::{ClientAddress, Network};
use crate::http::metrics::{Connections, Over, Refused};

/// One place in so many is made free at once: looking for the longest waits costs as much for
/// many as for one.
const ROOM: usize = 64;
/// Number of connections beyond the places that may be open for the moment in which others leave.
const LEAVING: usize = 64;

/// The shares that a whole site of IPv6 (48 bits) has: it holds thousands of networks of 64 bits.
const SITE_SHARES: usize = 2;

/// The places of a server.
pub(super) struct Doors(Arc<Shared>);

struct Shared {
    all: usize,
    each: usize,
    uncounted: Uncounted,
    counted: Connections,
    inside: Mutex<Inside>,
    ended: Notice,
}

#[derive(Default)]
struct Inside {
    next: u64,
    open: HashMap<u64, Guest>,
    /// Number of open connections of each counted network, together with its number of shares.
    networks: HashMap<(Network, usize), usize>,
    /// Number of connections that were sent away and are still open.
    leaving: usize,
}

struct Guest {
    pace: Arc<Pace>,
    /// Site that the connection comes from; none for a connection that is not counted, since it brings those of many.
    site: Option<Network>,
    leaving: bool,
}

/// A connection's place, until it is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    number: u64,
    networks: Option<[(Network, usize); 2]>,
}

impl Doors {
    pub(super) fn new(all: usize, each: usize, uncounted: Uncounted, counted: Connections) -> Self {
        let (all, each) = (all.max(1), each.max(1));
        Self(Arc::new(Shared { all, each, uncounted, counted, inside: Mutex::default(), ended: Notice::default() }))
    }

    /// Gives a connection from this address a place.
    pub(super) fn enter(&self, address: IpAddr, pace: Arc<Pace>) -> Result<Place, Refused> {
        let Shared { all, each, uncounted, counted, .. } = &*self.0;
        let address = ClientAddress::new(address);
        let networks =
            (!uncounted(address.ip())).then(|| [(address.network(), 1), (address.network().site(), SITE_SHARES)]);
        let mut inside = self.0.inside();
        let is_taken = |network: &(Network, usize)| {
            inside.networks.get(network).is_some_and(|open| *open >= each.saturating_mul(network.1))
        };
        if networks.iter().flatten().any(is_taken) {
            return Err(Refused::Address);
        }
        if inside.open.len() >= *all {
            if inside.staying() >= *all {
                let mut sockets = inside.make_room(all.div_ceil(ROOM));
                if inside.staying() >= *all {
                    sockets += inside.make_room_of_tenant(all / 2, all.div_ceil(ROOM));
                }
                self.0.tell(sockets);
            }
            if inside.staying() >= *all || inside.open.len() >= all + LEAVING {
                return Err(Refused::All);
            }
        }
        let number = inside.next;
        inside.next += 1;
        let site = networks.map(|[_, (site, _)]| site);
        inside.open.insert(number, Guest { pace, site, leaving: false });
        for network in networks.into_iter().flatten() {
            *inside.networks.entry(network).or_default() += 1;
        }
        counted.open.inc();
        Ok(Place { shared: Arc::clone(&self.0), number, networks })
    }

    /// Returns whether there are connections that were sent away and are still open.
    pub(super) fn is_anyone_leaving(&self) -> bool {
        self.0.inside().leaving > 0
    }
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of each WebSocket that had to make room. Of other connections their own watch tells.
    fn tell(&self, sockets: usize) {
        for _ in 0..sockets {
            self.counted.end(Over::MadeRoom);
            if let Some(count) = self.ended.due() {
                tracing::warn!(count, "WebSockets were ended: {}", Over::MadeRoom.in_words());
            }
        }
    }
}

/// Connections of one network that leave us waiting, the first to make room last. The greatest of such lines
/// is the longest, and of those as long the one whose first has lingered longest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    length: usize,
    last: Option<(Reverse<Lingers>, Reverse<u64>)>,
    all: Vec<(Reverse<Lingers>, Reverse<u64>)>,
}

impl Line {
    fn of(all: Vec<(Reverse<Lingers>, Reverse<u64>)>) -> Self {
        Self { length: all.len(), last: all.last().copied(), all }
    }
}

impl Inside {
    fn staying(&self) -> usize {
        self.open.len() - self.leaving
    }

    /// Sends so many away of those that leave us waiting, each of the network that has the most of them then.
    /// Returns how many were a WebSocket each: those have no watch that tells of it.
    fn make_room(&mut self, count: usize) -> usize {
        let mut networks: HashMap<_, Vec<_>> = HashMap::new();
        for (number, guest) in self.open.iter().filter(|(_, guest)| !guest.leaving) {
            let Some(lingers) = guest.pace.lingers() else { continue };
            // One that is not counted stands for itself.
            let alone = guest.site.is_none().then_some(*number);
            networks.entry((guest.site, alone)).or_default().push((Reverse(lingers), Reverse(*number)));
        }
        let sorted = |mut all: Vec<_>| {
            all.sort_unstable();
            Line::of(all)
        };
        let mut lines: BinaryHeap<Line> = networks.into_values().map(sorted).collect();
        let mut sockets = 0;
        for _ in 0..count {
            let Some(Line { mut all, .. }) = lines.pop() else { break };
            let Some((_, Reverse(number))) = all.pop() else { break };
            lines.push(Line::of(all));
            sockets += usize::from(self.send_away(number));
        }
        sockets
    }

    /// Sends so many of the oldest sockets away of a tenant that has more than `half` of all places with them:
    /// where nobody leaves us waiting, no tenant keeps the others out.
    fn make_room_of_tenant(&mut self, half: usize, count: usize) -> usize {
        let mut tenants: HashMap<_, Vec<_>> = HashMap::new();
        for (number, guest) in self.open.iter().filter(|(_, guest)| !guest.leaving) {
            let Some((tenant, since)) = guest.pace.known() else { continue };
            tenants.entry(tenant).or_default().push((since, *number));
        }
        let Some(mut sockets) = tenants.into_values().find(|sockets| sockets.len() > half) else { return 0 };
        sockets.sort_unstable();
        sockets.into_iter().take(count).filter(|(_, number)| self.send_away(*number)).count()
    }

    fn send_away(&mut self, number: u64) -> bool {
        let Some(guest) = self.open.get_mut(&number) else { return false };
        guest.leaving = true;
        self.leaving += 1;
        guest.pace.send_away()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.shared.inside();
        if inside.open.remove(&self.number).is_some_and(|guest| guest.leaving) {
            inside.leaving -= 1;
        }
        for network in self.networks.into_iter().flatten() {
            let Some(count) = inside.networks.get_mut(&network) else { continue };
            *count -= 1;
            if *count == 0 {
                inside.networks.remove(&network);
            }
        }
        drop(inside);
        self.shared.counted.open.dec();
    }
}

#[cfg(test)]
mod tests;
