//! The counters by which instances agree on a tenant's position in its history.

use uuid::Uuid;

/// A tenant's two counters, as its row holds them, each with the change that moved it there.
///
/// The numbers are for people. A number is given out twice when a database loses its last commits; the id of a change
/// never is. Two sets of counters are equal if they belong to one moment of one history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Number that grows by one with each change that can alter an answer: rules, settings, resources.
    pub revision: u64,
    /// Number that grows with each change of sessions, API keys, passwords, or users' enabled flags.
    pub credential_epoch: u64,
    /// The change that made the revision; nil before the first, and where a program that leaves no ids has made it.
    pub policy_change: Uuid,
    /// The name of the epoch: the change that began it, with the marks of the [`Steps`] since; nil in the
    /// same cases.
    pub credential_change: Uuid,
}

/// Steps of a credential epoch, in no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steps {
    /// The number of them.
    pub count: u64,
    /// The sum of their marks.
    pub marks: u64,
}

impl Steps {
    /// Returns the mark of a change: bits of it that nobody chooses, few enough for many of them to be added up.
    pub fn mark(change: Uuid) -> u64 {
        change.as_u64_pair().1 & ((1 << 47) - 1)
    }
}

impl Counters {
    /// Returns the counters after these steps. It is the same whichever of them were counted before the
    /// others, so that an epoch has one name wherever its steps stand.
    #[must_use]
    pub fn after(self, steps: Steps) -> Self {
        let name = self.credential_change.as_u128().wrapping_add(steps.marks.into());
        Self { credential_epoch: self.credential_epoch + steps.count, credential_change: Uuid::from_u128(name), ..self }
    }

    /// Returns whether both are at the same revision of one history.
    pub fn same_policy(&self, other: &Self) -> bool {
        self.revision == other.revision && self.policy_change == other.policy_change
    }

    /// Returns `true` if both are in the same credential epoch of one history.
    pub fn same_credentials(&self, other: &Self) -> bool {
        self.credential_epoch == other.credential_epoch && self.credential_change == other.credential_change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_one_name_wherever_its_steps_are_counted_and_others_have_others() {
        let [base, one, other, third] = [(); 4].map(|()| Uuid::now_v7());
        let steps = |changes: &[Uuid]| Steps {
            count: changes.len() as u64,
            marks: changes.iter().map(|change| Steps::mark(*change)).sum(),
        };
        let row = Counters { credential_epoch: 7, credential_change: base, ..Counters::default() };
        let whole = row.after(steps(&[one, other]));
        assert_eq!(whole.credential_epoch, 9);
        for (first, second) in [(one, other), (other, one)] {
            assert_eq!(row.after(steps(&[first])).after(steps(&[second])), whole);
        }
        assert_eq!(row.after(Steps::default()), row);
        assert!(!row.after(steps(&[one, third])).same_credentials(&whole), "of another history");
        assert!(whole.same_policy(&row));
    }
}
