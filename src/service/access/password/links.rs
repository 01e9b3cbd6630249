//! Limits on the links that are mailed to an account and for a client.

use std::time::Duration;

use uuid::Uuid;

use crate::auth::address::Network;
use crate::service::access::throttle::digest;
use crate::sync::tally::Counter;

/// The most links that are mailed to one account in a day.
pub const LINKS_FOR_ACCOUNT: u32 = 10;
/// The most links to one account that one client can ask for: fewer, so that no stranger uses up the owner's.
pub const LINKS_FOR_ACCOUNT_OF_CLIENT: u32 = 5;
/// The time in which one more link is mailed to an account that has had its links of the day, if the client that asks
/// has not asked for it that day. So no stranger uses up the owner's links, with however many clients.
pub const LATE_LINK_WINDOW: Duration = Duration::from_hours(1);
/// The most links that are mailed for one client in a day, to whatever accounts.
pub const LINKS_OF_CLIENT: u32 = 30;
/// The most of them for all clients of a site.
pub const LINKS_OF_SITE: u32 = 300;
/// The time in which they are counted.
const DAY: Duration = Duration::from_hours(24);
/// The counts of links that a client asks for, for an account.
pub(super) struct Links {
    account: String,
    client: Network,
}

impl Links {
    /// The place of the account's own count.
    pub(super) const ACCOUNT: usize = 1;

    pub(super) fn new(account: Uuid, client: Network) -> Self {
        Self { account: account.to_string(), client }
    }

    /// Lists the counters of a day: for the account by this client's site, for the account by all clients, by this
    /// client for all accounts, and by its site for all accounts.
    pub(super) fn daily(&self) -> Vec<Counter> {
        let for_account = counter(&["links for account", &self.account], LINKS_FOR_ACCOUNT, DAY);
        let own = self.for_account_of_client(LINKS_FOR_ACCOUNT_OF_CLIENT);
        [own, for_account].into_iter().chain(self.of_client()).collect()
    }

    /// Lists the counters of a link beyond the account's day, which goes to a client that has had none.
    pub(super) fn late(&self) -> Vec<Counter> {
        let for_account = counter(&["late links for account", &self.account], 1, LATE_LINK_WINDOW);
        [self.for_account_of_client(1), for_account].into_iter().chain(self.of_client()).collect()
    }

    fn for_account_of_client(&self, max: u32) -> Counter {
        counter(&["links for account of client", &self.account, &self.client.site().to_string()], max, DAY)
    }

    fn of_client(&self) -> [Counter; 2] {
        let (client, site) = (self.client.to_string(), self.client.site().to_string());
        [
            counter(&["links of client", &client], LINKS_OF_CLIENT, DAY),
            counter(&["links of site", &site], LINKS_OF_SITE, DAY),
        ]
    }
}

fn counter(texts: &[&str], max: u32, window: Duration) -> Counter {
    let key = digest(texts);
    Counter { key, owner: key, max, window }
}
