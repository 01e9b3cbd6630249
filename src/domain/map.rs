//! The collection that a tenant's state is made of. A copy of it costs nothing, and so does a
//! change of one thing: both share what they do not differ in. So a use case may work on a copy of
//! a large tenant, and what it changed is found without looking at the rest.

use std::borrow::Borrow;
use std::ops::Index;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};

/// Things by their keys, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound(deserialize = "K: Ord + Clone + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct Map<K: Ord + Clone, V>(OrdMap<K, Arc<V>>);

impl<K: Ord + Clone, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Map<K, V> {
    /// Returns the number of things.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the thing of this key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(Arc::as_ref)
    }

    /// Returns the thing of this key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key).map(Arc::make_mut)
    }

    /// Returns whether there is a thing of this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Puts a thing in, in place of the one that was there. Returns whether the key is new.
    pub fn insert(&mut self, key: K, value: V) -> bool {
        self.0.insert(key, Arc::new(value)).is_none()
    }

    /// Takes a thing out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).map(Arc::unwrap_or_clone)
    }

    /// Returns the keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// Returns the things, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values().map(Arc::as_ref)
    }

    /// Keys and things, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// Changes those things that are `chosen`, and copies no others.
    pub fn change(&mut self, chosen: impl Fn(&V) -> bool, mut change: impl FnMut(&mut V)) {
        let keys: Vec<K> = self.iter().filter(|(_, value)| chosen(value)).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            if let Some(value) = self.get_mut(key) {
                change(value);
            }
        }
    }

    /// Returns the differences from here to `later`, in the order of the keys. What both share is passed over.
    pub fn differing<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = Differing<'a, K, V>> {
        self.0.diff(&later.0).filter_map(|item| {
            let (key, was, is) = match item {
                DiffItem::Add(key, is) => (key, None, Some(is)),
                DiffItem::Update { old: (_, was), new: (key, is) } => (key, Some(was), Some(is)),
                DiffItem::Remove(key, was) => (key, Some(was), None),
            };
            (was != is).then(|| Differing { key, was: was.map(Arc::as_ref), is: is.map(Arc::as_ref) })
        })
    }
}

/// A key under which two maps hold different things.
#[derive(Debug, Clone, Copy)]
pub struct Differing<'a, K, V> {
    /// The key.
    pub key: &'a K,
    /// The thing in the earlier map.
    pub was: Option<&'a V>,
    /// The thing in the later map.
    pub is: Option<&'a V>,
}

impl<K: Ord + Clone, V: Clone + PartialEq> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(items: T) -> Self {
        Self(items.into_iter().map(|(key, value)| (key, Arc::new(value))).collect())
    }
}

impl<'a, K: Ord + Clone, V: Clone + PartialEq> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// Indexing like that of the maps of the standard library: it panics without a thing of this key.
impl<K: Ord + Clone + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for Map<K, V> {
    type Output = V;

    #[expect(clippy::indexing_slicing, reason = "it is what indexing is")]
    fn index(&self, key: &Q) -> &V {
        &self.0[key]
    }
}
