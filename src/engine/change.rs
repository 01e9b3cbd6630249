//! Changes to the sets that subjects have, and their application.

/// An item that enters, or leaves, the set of a subject.
///
/// Changes apply in their order, in which an item's coming follows its going: an item that does both is present in the
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change<T> {
    pub(super) subject: u32,
    pub(super) item: T,
    pub(super) comes: bool,
}

/// Groups the changes by subject.
pub(super) fn by_subject<T>(changes: &[Change<T>]) -> impl Iterator<Item = (u32, &[Change<T>])> {
    let groups = changes.chunk_by(|one, next| one.subject == next.subject);
    groups.filter_map(|group| Some((group.first()?.subject, group)))
}

/// Returns the items that the changes of one subject are about, each with `true` if it is present in the end.
pub(super) fn outcomes<T: Ord + Copy>(changes: &[Change<T>]) -> impl Iterator<Item = (T, bool)> {
    let runs = changes.chunk_by(|one, next| one.item == next.item);
    runs.filter_map(|run| run.last()).map(|last| (last.item, last.comes))
}

/// Returns a subject's set after its changes, in order.
pub(super) fn changed<T: Ord + Copy>(items: impl Iterator<Item = T>, changes: &[Change<T>]) -> Vec<T> {
    let stays = |item: &T| changes.binary_search_by(|change| change.item.cmp(item)).is_err();
    let comes = outcomes(changes).filter_map(|(item, comes)| comes.then_some(item));
    let mut next: Vec<T> = items.filter(stays).chain(comes).collect();
    next.sort_unstable();
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_takes_and_loses_what_the_changes_say() {
        let change = |item, comes| Change { subject: 0, item, comes };
        let mut changes =
            [(3, true), (9, true), (5, false), (5, true), (1, false), (4, false)].map(|(i, c)| change(i, c));
        changes.sort_unstable();
        assert_eq!(changed([1, 2, 3, 5].into_iter(), &changes), [2, 3, 5, 9]);
    }
}
