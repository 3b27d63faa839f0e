//! Distinct values, each stored once and named by a number, for any number of threads.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Values are read without a lock; one is taken to look a value up.
#[derive(Debug)]
pub(super) struct Pool<T> {
    values: boxcar::Vec<T>,
    ids: Mutex<HashTable<u32>>,
    hasher: FixedState,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { values: boxcar::Vec::new(), ids: Mutex::default(), hasher: FixedState::default() }
    }
}

impl<T: Clone> Clone for Pool<T> {
    fn clone(&self) -> Pool<T> {
        // The lock first: what it knows is among the values.
        let ids = self.lock().clone();
        Pool { values: self.values.clone(), ids: Mutex::new(ids), hasher: self.hasher.clone() }
    }
}

impl<T> Pool<T> {
    /// The value of a number.
    pub(super) fn get(&self, id: u32) -> &T {
        &self.values[id as usize]
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.values.count()
    }

    /// The number of a value.
    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, value: &Q) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        self.find_in(&self.lock(), self.hasher.hash_one(value), value)
    }

    /// The number of a value, which is made and stored unless it is known; none where it is not,
    /// and `max` values are stored.
    pub(super) fn intern<Q: Hash + Eq + ?Sized>(
        &self,
        value: &Q,
        max: usize,
        make: impl FnOnce() -> T,
    ) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(value);
        let mut ids = self.lock();
        if let Some(id) = self.find_in(&ids, hash, value) {
            return Some(id);
        }
        if self.len() >= max {
            return None;
        }
        let id = u32::try_from(self.values.push(make())).ok()?;
        ids.insert_unique(hash, id, |&id| self.hasher.hash_one(self.get(id).borrow()));
        Some(id)
    }

    fn find_in<Q: Hash + Eq + ?Sized>(
        &self,
        ids: &HashTable<u32>,
        hash: u64,
        value: &Q,
    ) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        ids.find(hash, |&id| self.get(id).borrow() == value).copied()
    }

    /// A thread that panicked left the table as it was: it is whole.
    fn lock(&self) -> MutexGuard<'_, HashTable<u32>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_number_whichever_thread_asks() {
        let pool: Pool<Box<str>> = Pool::default();
        let numbers = |_| {
            let intern = |value: u32| {
                let text = (value % 1000).to_string();
                pool.intern(text.as_str(), usize::MAX, || text.as_str().into())
            };
            (0..4000).map(intern).collect::<Vec<_>>()
        };
        let all: Vec<Vec<Option<u32>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|at| scope.spawn(move || numbers(at))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(pool.len(), 1000);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_full_pool_takes_nothing_new() {
        let pool: Pool<Box<str>> = Pool::default();
        assert_eq!(pool.intern("one", 1, || "one".into()), Some(0));
        assert_eq!(pool.intern("two", 1, || "two".into()), None);
        assert_eq!(pool.intern("one", 1, || "one".into()), Some(0));
    }
}
