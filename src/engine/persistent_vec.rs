//! A long list whose changed copies are cheap: a copy shares all that did not change.

use std::sync::Arc;

/// Number of items in a chunk. A change copies one chunk and the list of chunks, and this size keeps both short up to a
/// hundred thousand items.
const SIZE: usize = 256;

/// A list in two levels. The last chunk is only as long as it needs to be, so that a short list is small.
pub(super) struct Chunks<T> {
    top: Arc<[Arc<[T]>]>,
}

// Derived, both would ask the same of `T`.
impl<T> Clone for Chunks<T> {
    fn clone(&self) -> Self {
        Self { top: Arc::clone(&self.top) }
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { top: Arc::default() }
    }
}

impl<T> Chunks<T> {
    /// Returns the item at this place.
    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.top.get(at / SIZE)?.get(at % SIZE)
    }

    /// Iterates over all items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.top.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Clone + Default> Chunks<T> {
    /// Makes the list at least `len` items long.
    pub(super) fn grow(&mut self, len: usize) {
        let full = self.top.len().saturating_sub(1) * SIZE;
        if len <= full + self.top.last().map_or(0, |last| last.len()) {
            return;
        }
        let mut top = self.top.to_vec();
        let mut rest = top.pop_if(|last| last.len() < SIZE).map(|last| last.to_vec()).unwrap_or_default();
        while top.len() * SIZE < len {
            rest.resize((len - top.len() * SIZE).min(SIZE), T::default());
            top.push(std::mem::take(&mut rest).into());
        }
        self.top = top.into();
    }

    /// Returns the item at this place for a change; what other copies share is copied first.
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        let chunk = Arc::make_mut(&mut self.top).get_mut(at / SIZE)?;
        Arc::make_mut(chunk).get_mut(at % SIZE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_and_keeps_what_it_holds() {
        let mut list = Chunks::default();
        let mut len = 0;
        for more in [1, 0, 2, SIZE - 3, 1, 3 * SIZE, 5] {
            list.grow(len + more);
            for at in len..len + more {
                *list.get_mut(u32::try_from(at).unwrap()).unwrap() = at;
            }
            len += more;
            assert!(list.iter().copied().eq(0..len));
            assert!(list.get(u32::try_from(len).unwrap()).is_none());
        }
        list.grow(1);
        assert_eq!(list.iter().count(), len);
    }

    #[test]
    fn a_changed_copy_leaves_the_first_alone_and_shares_the_rest() {
        let mut first = Chunks::default();
        first.grow(2 * SIZE);
        let mut second = first.clone();
        *second.get_mut(0).unwrap() = 7;
        assert_eq!((first.get(0), second.get(0)), (Some(&0), Some(&7)));
        assert!(!Arc::ptr_eq(&first.top[0], &second.top[0]));
        assert!(Arc::ptr_eq(&first.top[1], &second.top[1]));
    }
}
