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
