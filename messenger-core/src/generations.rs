//! A map that is bounded and keeps what is asked for.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries move from `old` to `young` when they are asked for; when `young` is
/// full it becomes `old`, and what nobody asked for since is gone. So it holds
/// twice `capacity` at the most, and a look-up costs no list to be kept.
pub(crate) struct Generations<K, V> {
    capacity: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Copy + Eq + Hash, V: Copy> Generations<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    pub(crate) fn find(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.put(*key, value);
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(crate) fn clear(&mut self) {
        (self.young, self.old) = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let mut map = Generations::new(100);
        map.put(0, 0);
        for number in 1..=1_000 {
            map.put(number, number);
            if number % 50 == 0 {
                assert_eq!(map.find(&0), Some(0), "after {number}");
            }
        }
        assert!(map.young.len() <= 100 && map.old.len() <= 100);
        assert_eq!(map.find(&1), None);
    }

    #[test]
    fn what_is_removed_is_gone_from_both() {
        let mut map = Generations::new(2);
        for number in 1..=3 {
            map.put(number, number);
        }
        assert_eq!((map.young.len(), map.old.len()), (1, 2));
        for number in 1..=3 {
            map.remove(&number);
            assert_eq!(map.find(&number), None);
        }
        map.put(4, 4);
        map.clear();
        assert_eq!(map.find(&4), None);
    }
}
