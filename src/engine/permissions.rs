//! The `p` rules of one subject, over the numbers of a snapshot's names: in buckets by object, so that a decision looks
//! at few and a change copies few.

use std::sync::Arc;

use super::change::{Change, changed};
use crate::policy::rule::Effect;

/// Approximate maximum number of permissions in a bucket: about as many as one cache line holds.
const BUCKET: usize = 8;

/// A `p` rule of a known subject, by the numbers of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Permission {
    pub(super) object: u32,
    pub(super) action: u32,
    pub(super) effect: Effect,
}

/// Permissions in the order of their numbers: all that one subject has on some of its objects.
type Bucket = Arc<[Permission]>;

/// The permissions of one subject. Most subjects, being users, have none of their own.
#[derive(Clone, Default)]
pub(super) struct Permissions {
    /// The buckets; their number is a power of two.
    buckets: Option<Arc<[Bucket]>>,
}

impl Permissions {
    /// Returns the number of permissions.
    pub(super) fn len(&self) -> usize {
        count(self.buckets())
    }

    /// Iterates over the permissions on exactly this object pattern.
    #[inline]
    pub(super) fn on(&self, object: u32) -> impl Iterator<Item = &Permission> {
        let buckets = self.buckets();
        let bucket = buckets.get(place(object, buckets.len())).map_or(&[][..], |bucket| bucket);
        bucket.iter().filter(move |permission| permission.object == object)
    }

    /// Iterates over all permissions.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Permission> {
        all(self.buckets())
    }

    /// Returns `true` if there are no permissions.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_none()
    }

    #[inline]
    fn buckets(&self) -> &[Bucket] {
        self.buckets.as_deref().unwrap_or_default()
    }

    /// Returns the permissions after these changes of the subject, which are in order.
    pub(super) fn after(&self, changes: &[Change<Permission>]) -> Self {
        let buckets = rebucketed(self.buckets(), changes);
        Self { buckets: (count(&buckets) > 0).then(|| buckets.into()) }
    }
}

fn all(buckets: &[Bucket]) -> impl Iterator<Item = &Permission> {
    buckets.iter().flat_map(|bucket| bucket.iter())
}

fn count(buckets: &[Bucket]) -> usize {
    buckets.iter().map(|bucket| bucket.len()).sum()
}

/// Returns the buckets of one subject after its changes.
fn rebucketed(buckets: &[Bucket], changes: &[Change<Permission>]) -> Vec<Bucket> {
    let coming = changes.iter().filter(|change| change.comes).count();
    let fitting = ((count(buckets) + coming) / BUCKET).max(1).next_power_of_two();
    // A few more or fewer must not divide everything anew time and again.
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

/// Divides permissions, which are in order, into `buckets` buckets.
fn divided(permissions: Vec<Permission>, buckets: usize) -> Vec<Bucket> {
    let mut divided = vec![Vec::new(); buckets];
    for permission in permissions {
        if let Some(bucket) = divided.get_mut(place(permission.object, buckets)) {
            bucket.push(permission);
        }
    }
    divided.into_iter().map(Bucket::from).collect()
}

/// Returns the bucket, of `buckets`, that an object belongs in. The factor (2³² divided by the golden ratio) spreads
/// numbers that lie close together or in steps.
#[inline]
fn place(object: u32, buckets: usize) -> usize {
    object.wrapping_mul(0x9E37_79B9).rotate_left(16) as usize & buckets.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(object: u32, comes: bool) -> Change<Permission> {
        Change { subject: 0, item: Permission { object, action: object % 3, effect: Effect::Allow }, comes }
    }

    fn of(objects: std::ops::Range<u32>) -> Permissions {
        Permissions::default().after(&objects.map(|object| change(object, true)).collect::<Vec<_>>())
    }

    #[test]
    fn permissions_are_found_by_object_however_many_there_are() {
        let mut permissions = Permissions::default();
        let mut have = 0;
        for end in [1, 2, 40, 41, 3_000] {
            permissions = permissions.after(&(have..end).map(|object| change(object, true)).collect::<Vec<_>>());
            assert_eq!(permissions.len(), end as usize);
            for object in 0..end {
                assert!(permissions.on(object).eq([&change(object, true).item]));
            }
            assert!(permissions.on(end).next().is_none());
            have = end;
        }
    }

    #[test]
    fn what_goes_is_gone_and_what_is_not_there_can_go() {
        let mut permissions = of(0..500);
        for object in (0..500).rev() {
            permissions = permissions.after(&[change(object, false), change(object + 1_000, false)]);
            let mut left: Vec<u32> = permissions.iter().map(|permission| permission.object).collect();
            left.sort_unstable();
            assert_eq!(left, (0..object).collect::<Vec<_>>());
        }
        assert!(permissions.is_empty(), "nothing is kept for a subject without permissions");
    }

    #[test]
    fn a_change_copies_what_it_touches_alone() {
        let before = of(0..500);
        let after = before.after(&[change(7, false)]);
        let pairs = before.buckets().iter().zip(after.buckets());
        assert_eq!(pairs.filter(|(one, other)| !Arc::ptr_eq(one, other)).count(), 1);
    }
}
