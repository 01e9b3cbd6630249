//! The `p` rules of a snapshot, over the numbers of its names: those of one subject stand
//! together, in buckets by object, so that a decision looks at few and a change copies few.

use std::sync::Arc;

use super::change::{Change, by_subject, changed};
use super::chunks::Chunks;
use crate::policy::rule::Effect;

/// How many permissions a bucket has, more or less.
const BUCKET: usize = 16;

/// A `p` rule of a known subject, by the numbers of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Permission {
    pub(super) object: u32,
    pub(super) action: u32,
    pub(super) effect: Effect,
}

/// Permissions in the order of their numbers: all that one subject has on some of its objects.
type Bucket = Arc<[Permission]>;

/// The permissions of all subjects.
#[derive(Clone, Default)]
pub(super) struct Permissions {
    /// The buckets of each subject; how many is a power of two. Most subjects, being users, have
    /// no permissions of their own.
    own: Chunks<Option<Arc<[Bucket]>>>,
    len: usize,
}

impl Permissions {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The permissions of exactly this subject on exactly this object pattern.
    #[inline]
    pub(super) fn on(&self, subject: u32, object: u32) -> impl Iterator<Item = &Permission> {
        let bucket = self.buckets(subject).and_then(|buckets| buckets.get(place(object, buckets.len())));
        let bucket = bucket.map_or(&[][..], |bucket| bucket);
        let start = bucket.partition_point(|permission| permission.object < object);
        bucket.iter().skip(start).take_while(move |permission| permission.object == object)
    }

    /// The permissions of exactly this subject.
    pub(super) fn of(&self, subject: u32) -> impl Iterator<Item = &Permission> {
        all(self.buckets(subject).unwrap_or_default())
    }

    /// Whether the subject has any.
    pub(super) fn knows(&self, subject: u32) -> bool {
        self.buckets(subject).is_some()
    }

    /// All of them, by subject.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Permission)> {
        let own = (0..).zip(self.own.iter());
        own.flat_map(|(subject, buckets)| all(buckets.as_deref().unwrap_or_default()).map(move |one| (subject, one)))
    }

    #[inline]
    fn buckets(&self, subject: u32) -> Option<&[Bucket]> {
        self.own.get(subject)?.as_deref()
    }

    /// The permissions after `changes`, which are in order.
    pub(super) fn after(&self, changes: &[Change<Permission>]) -> Self {
        let mut next = self.clone();
        next.own.grow(changes.last().map_or(0, |last| last.subject as usize + 1));
        for (subject, changes) in by_subject(changes) {
            if let Some(own) = next.own.get_mut(subject) {
                let before = own.as_deref().unwrap_or_default();
                let after = rebucketed(before, changes);
                next.len = next.len + count(&after) - count(before);
                *own = (count(&after) > 0).then(|| after.into());
            }
        }
        next
    }
}

fn all(buckets: &[Bucket]) -> impl Iterator<Item = &Permission> {
    buckets.iter().flat_map(|bucket| bucket.iter())
}

fn count(buckets: &[Bucket]) -> usize {
    buckets.iter().map(|bucket| bucket.len()).sum()
}

/// The buckets of one subject after its changes.
fn rebucketed(buckets: &[Bucket], changes: &[Change<Permission>]) -> Vec<Bucket> {
    let coming = changes.iter().filter(|change| change.comes).count();
    let fitting = ((count(buckets) + coming) / BUCKET).max(1).next_power_of_two();
    // A few more or fewer must not divide all anew time and again.
    if !(fitting..=fitting * 4).contains(&buckets.len()) {
        return divided(changed(all(buckets).copied(), changes), fitting);
    }
    let mut next = buckets.to_vec();
    for run in changes.chunk_by(|one, next| one.item.object == next.item.object) {
        let object = run.first().map_or(0, |change| change.item.object);
        if let Some(bucket) = next.get_mut(place(object, buckets.len())) {
            *bucket = changed(bucket.iter().copied(), run).into();
        }
    }
    next
}

/// Divides permissions, which are in order, into so many buckets.
fn divided(permissions: Vec<Permission>, buckets: usize) -> Vec<Bucket> {
    let mut divided = vec![Vec::new(); buckets];
    for permission in permissions {
        if let Some(bucket) = divided.get_mut(place(permission.object, buckets)) {
            bucket.push(permission);
        }
    }
    divided.into_iter().map(Bucket::from).collect()
}

/// In which of `buckets` an object belongs. The factor (2³² by the golden ratio) spreads numbers
/// that lie close together or in steps.
#[inline]
fn place(object: u32, buckets: usize) -> usize {
    object.wrapping_mul(0x9E37_79B9).rotate_left(16) as usize & buckets.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(subject: u32, object: u32, comes: bool) -> Change<Permission> {
        Change { subject, item: Permission { object, action: object % 3, effect: Effect::Allow }, comes }
    }

    fn objects(permissions: &Permissions, subject: u32) -> Vec<u32> {
        let mut objects: Vec<u32> = permissions.of(subject).map(|permission| permission.object).collect();
        objects.sort_unstable();
        objects
    }

    #[test]
    fn permissions_are_found_by_subject_and_object_however_many_there_are() {
        let mut permissions = Permissions::default();
        for end in [1, 2, 40, 41, 3_000] {
            let have = permissions.len();
            let more: Vec<_> = (u32::try_from(have).unwrap()..end).map(|object| change(5, object, true)).collect();
            let before = std::mem::take(&mut permissions);
            permissions = before.after(&more);
            assert_eq!((before.len(), permissions.len()), (have, end as usize));
            for object in 0..end {
                assert!(permissions.on(5, object).eq([&change(5, object, true).item]));
                assert!(permissions.on(4, object).next().is_none() && permissions.on(6, object).next().is_none());
            }
            assert!(permissions.on(5, end).next().is_none());
        }
    }

    #[test]
    fn what_goes_is_gone_and_what_is_not_there_can_go() {
        let all: Vec<_> = (0..500).map(|object| change(1, object, true)).collect();
        let mut permissions = Permissions::default().after(&all);
        for object in (0..500).rev() {
            permissions = permissions.after(&[change(0, object, false), change(1, object, false)]);
            assert_eq!(objects(&permissions, 1), (0..object).collect::<Vec<_>>());
        }
        assert!(permissions.len() == 0 && !permissions.knows(1) && !permissions.knows(0));
        assert!(permissions.buckets(1).is_none(), "nothing is kept for a subject without permissions");
    }

    #[test]
    fn a_change_copies_what_it_touches_alone() {
        let all: Vec<_> = (0..500).map(|object| change(1, object, true)).collect();
        let before = Permissions::default().after(&all);
        let after = before.after(&[change(1, 7, false)]);
        let pairs = before.buckets(1).unwrap().iter().zip(after.buckets(1).unwrap());
        assert_eq!(pairs.filter(|(one, other)| !Arc::ptr_eq(one, other)).count(), 1);
    }
}
