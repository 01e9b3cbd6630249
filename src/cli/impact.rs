//! The impact of a change in words, as every dry run shows it.

use serde::Deserialize;

use super::output::{BAD, FAINT, GOOD, styled};

/// The access that users would gain and lose.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Impact {
    affected_users: u64,
    gained_count: u64,
    lost_count: u64,
    truncated: bool,
    gained: Vec<AccessChange>,
    lost: Vec<AccessChange>,
}

#[derive(Deserialize)]
struct AccessChange {
    user: User,
    object: String,
    action: String,
}

#[derive(Deserialize)]
struct User {
    key: String,
}

impl Impact {
    /// Returns a line for each user and object, and one for all.
    pub(super) fn for_people(&self) -> String {
        let mut text = String::new();
        for (list, sign, style) in [(&self.gained, '+', GOOD), (&self.lost, '-', BAD)] {
            for some in list.chunk_by(|one, next| one.user.key == next.user.key && one.object == next.object) {
                let Some(first) = some.first() else { continue };
                let actions: Vec<&str> = some.iter().map(|change| change.action.as_str()).collect();
                let line = format!("{sign} {} {} on {}\n", first.user.key, actions.join(", "), first.object);
                text.push_str(&styled(style, &line));
            }
        }
        let Self { affected_users, gained_count, lost_count, .. } = self;
        let more = if self.truncated { "; not all of it is listed" } else { "" };
        let sum = format!("{affected_users} users: {gained_count} gained, {lost_count} lost{more}\n");
        text.push_str(&styled(FAINT, &sum));
        text
    }
}
