//! Who is let in: so many connections in all, and so many from one address. When all places are
//! taken, those that leave us waiting make room: of the network with the most of them, one by one.

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
/// So many more than there are places may be open for the moment in which others leave.
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
    /// How many are open of each network that is counted, with how many shares it has.
    networks: HashMap<(Network, usize), usize>,
    /// How many were sent away, and are still open.
    leaving: usize,
}

struct Guest {
    pace: Arc<Pace>,
    /// Whose it is; none of one that is not counted, which brings the connections of many.
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
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of WebSockets that had to make room. Of other connections their own watch tells.
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
    /// Returns how many of them were WebSockets.
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

    /// Sends so many of the WebSockets away that a tenant has had longest which holds more than `half` of all
    /// places: where nobody else leaves us waiting, no tenant keeps the others out.
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
mod tests {
    use std::task::Poll;

    use uuid::Uuid;

    use super::*;

    fn doors(all: usize, each: usize) -> Doors {
        let proxy: IpAddr = "192.0.2.1".parse().unwrap();
        Doors::new(all, each, Arc::new(move |address| address == proxy), Connections::default())
    }

    fn enter(doors: &Doors, address: &str) -> Result<(Place, Arc<Pace>), Refused> {
        let pace = Arc::new(Pace::new());
        Ok((doors.enter(address.parse().unwrap(), Arc::clone(&pace))?, pace))
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let doors = doors(10, 2);
        let first = enter(&doors, "192.0.2.7").unwrap();
        let _mapped = enter(&doors, "::ffff:192.0.2.7").unwrap();
        assert_eq!(enter(&doors, "192.0.2.7").err(), Some(Refused::Address));
        let _other = enter(&doors, "192.0.2.8").unwrap();
        drop(first);
        let _again = enter(&doors, "192.0.2.7").unwrap();
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address() {
        let doors = doors(10, 1);
        let _one = enter(&doors, "2001:db8:0:1::1").unwrap();
        assert_eq!(enter(&doors, "2001:db8:0:1:ffff::2").err(), Some(Refused::Address));
        let _next = enter(&doors, "2001:db8:0:2::1").unwrap();
    }

    #[test]
    fn all_networks_of_a_site_together_have_two_shares() {
        let doors = doors(10, 1);
        let _two = (enter(&doors, "2001:db8:1:1::1").unwrap(), enter(&doors, "2001:db8:1:2::1").unwrap());
        assert_eq!(enter(&doors, "2001:db8:1:3::1").err(), Some(Refused::Address));
        let _next = enter(&doors, "2001:db8:2:1::1").unwrap();
    }

    #[test]
    fn who_is_not_counted_by_address_takes_from_the_whole_alone() {
        let doors = doors(3, 1);
        let proxied: Vec<_> = (0..3).map(|_| enter(&doors, "192.0.2.1").unwrap()).collect();
        for (_, pace) in &proxied {
            pace.begin();
        }
        assert_eq!(enter(&doors, "192.0.2.1").err(), Some(Refused::All));
    }

    #[test]
    fn the_longest_wait_makes_room_and_a_request_under_way_does_not() {
        let doors = doors(3, 3);
        let (busy, busy_pace) = enter(&doors, "192.0.2.2").unwrap();
        busy_pace.begin();
        let (waiting, waiting_pace) = enter(&doors, "192.0.2.3").unwrap();
        let (later, later_pace) = enter(&doors, "192.0.2.4").unwrap();
        later_pace.begin();
        later_pace.finish();
        assert!(later_pace.lingers() > waiting_pace.lingers());
        let (newcomer, newcomer_pace) = enter(&doors, "192.0.2.5").unwrap();
        let leaves = |place: &Place| doors.0.inside().open.get(&place.number).is_some_and(|guest| guest.leaving);
        assert_eq!([&busy, &waiting, &later, &newcomer].map(leaves), [false, true, false, false]);
        for pace in [&later_pace, &newcomer_pace] {
            pace.begin();
        }
        assert_eq!(enter(&doors, "192.0.2.6").err(), Some(Refused::All), "all that stay are served");
        drop((waiting, waiting_pace));
        assert_eq!(enter(&doors, "192.0.2.6").err(), Some(Refused::All), "its place is taken");
        drop((busy, later, newcomer));
        assert!(doors.0.inside().networks.is_empty() && doors.0.inside().open.is_empty());
    }

    #[test]
    fn the_network_with_the_most_that_leave_us_waiting_makes_room_and_its_longest_first() {
        let doors = doors(6, 6);
        let other = enter(&doors, "192.0.2.1").unwrap();
        let (quiet, quiet_pace) = enter(&doors, "192.0.2.2").unwrap();
        let crowd: Vec<_> = (0..4).map(|_| enter(&doors, "192.0.2.3").unwrap()).collect();
        let leaves = |place: &Place| doors.0.inside().open.get(&place.number).is_some_and(|guest| guest.leaving);
        // A request whose body trickles waits as well, but after those without any.
        crowd[0].1.begin();
        crowd[0].1.received(&Poll::Pending);
        crowd[1].1.hand_over();
        quiet_pace.begin();
        let mut newcomers = Vec::new();
        let mut left = Vec::new();
        for _ in 0..3 {
            let (place, pace) = enter(&doors, "192.0.2.4").unwrap();
            pace.begin();
            newcomers.push(place);
            left.push([0, 1, 2, 3].map(|at: usize| leaves(&crowd[at].0)));
        }
        assert_eq!(left, [[false, false, true, false], [false, false, true, true], [false, true, true, true]]);
        assert!(![&other.0, &quiet].into_iter().any(leaves), "none of them has as many");
        assert_eq!(doors.0.inside().leaving, 3);
        let _last = enter(&doors, "192.0.2.4").unwrap();
        assert!(leaves(&other.0), "of as many the one that has lingered longest");
        assert!(!leaves(&crowd[0].0) && !leaves(&quiet));
    }

    #[test]
    fn a_tenant_whose_websockets_hold_more_than_half_of_the_places_makes_room() {
        let doors = doors(4, 4);
        let socket = |tenant: u128| {
            let (place, pace) = enter(&doors, "192.0.2.1").unwrap();
            pace.hand_over();
            pace.know(Uuid::from_u128(tenant));
            place
        };
        let leaves = |place: &Place| doors.0.inside().open.get(&place.number).is_some_and(|guest| guest.leaving);
        let (mut own, mut other) = (vec![socket(1), socket(1)], vec![socket(2), socket(2)]);
        assert_eq!(enter(&doors, "192.0.2.2").err(), Some(Refused::All), "each has its half");
        other.pop();
        own.push(socket(1));
        let _newcomer = enter(&doors, "192.0.2.2").unwrap();
        assert_eq!([&own[0], &own[1], &own[2], &other[0]].map(leaves), [true, false, false, false]);
    }

    #[test]
    fn connections_of_a_proxy_are_those_of_many_and_make_room_one_by_one() {
        let doors = doors(4, 4);
        let proxied: Vec<_> = (0..2).map(|_| enter(&doors, "192.0.2.1").unwrap()).collect();
        let crowd: Vec<_> = (0..2).map(|_| enter(&doors, "2001:db8:1:1::1").unwrap()).collect();
        let (_one, _) = enter(&doors, "192.0.2.9").unwrap();
        let leaves = |place: &Place| doors.0.inside().open.get(&place.number).is_some_and(|guest| guest.leaving);
        assert!(leaves(&crowd[0].0) && !leaves(&proxied[0].0) && !leaves(&proxied[1].0));
    }
}
