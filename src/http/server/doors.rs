//! Who is let in: so many connections in all, and so many from one address. When all places are
//! taken, those that have held one longest without a request make room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Uncounted;
use super::pace::Pace;
use crate::auth::address::{ClientAddress, Network};
use crate::http::metrics::{Connections, Refused};

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
        Self(Arc::new(Shared { all, each, uncounted, counted, inside: Mutex::default() }))
    }

    /// Gives a connection from this address a place.
    pub(super) fn enter(&self, address: IpAddr, pace: Arc<Pace>) -> Result<Place, Refused> {
        let Shared { all, each, uncounted, counted, .. } = &*self.0;
        let address = ClientAddress::new(address);
        let networks = (!uncounted(address.ip())).then(|| [(address.network(), 1), (address.site(), SITE_SHARES)]);
        let mut inside = self.0.inside();
        let is_taken = |network: &(Network, usize)| {
            inside.networks.get(network).is_some_and(|open| *open >= each.saturating_mul(network.1))
        };
        if networks.iter().flatten().any(is_taken) {
            return Err(Refused::Address);
        }
        if inside.open.len() >= *all {
            if inside.staying() >= *all {
                inside.make_room(all.div_ceil(ROOM));
            }
            if inside.staying() >= *all || inside.open.len() >= all + LEAVING {
                return Err(Refused::All);
            }
        }
        let number = inside.next;
        inside.next += 1;
        inside.open.insert(number, Guest { pace, leaving: false });
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
}

impl Inside {
    fn staying(&self) -> usize {
        self.open.len() - self.leaving
    }

    /// Sends so many away of those that have held a place longest without a request.
    fn make_room(&mut self, count: usize) {
        let waiting = |(number, guest): (&u64, &Guest)| Some((guest.pace.lingers_since()?, *number));
        let staying = self.open.iter().filter(|(_, guest)| !guest.leaving);
        let mut waiting: Vec<_> = staying.filter_map(waiting).collect();
        waiting.sort_unstable();
        for (_, number) in waiting.into_iter().take(count) {
            if let Some(guest) = self.open.get_mut(&number) {
                guest.leaving = true;
                guest.pace.send_away();
                self.leaving += 1;
            }
        }
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
    use std::time::Instant;

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
        let before = Instant::now();
        later_pace.begin();
        later_pace.finish();
        assert!(later_pace.lingers_since().is_some_and(|since| since >= before));
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
}
