//! Randomness that a seed repeats (`SplitMix64`). The interleaving of processes
//! is not repeated by it; what each client chooses is.

use std::hash::{BuildHasher as _, RandomState};

#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that nobody chose.
    pub(super) fn any_seed() -> u64 {
        RandomState::new().hash_one(std::process::id()) >> 32
    }

    /// Another source, for the `index`th of many.
    pub(super) fn fork(&self, index: usize) -> Self {
        let mut forked = Self(self.0 ^ (index as u64 + 1).wrapping_mul(0xD134_2543_DE82_EF95));
        forked.next();
        forked
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len() as u64);
        &items[usize::try_from(index).unwrap_or(0)]
    }
}
