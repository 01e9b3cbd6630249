//! The floors, which no engine can be faster than: finding the answer under the request itself, in a hash table that
//! knows all answers beforehand; and one read from somewhere in memory.

use std::collections::HashMap;
use std::hint::black_box;

use ahash::RandomState;

use super::Engine;
use crate::random::Random;
use crate::result::Result;
use crate::world::{Request, SEED};

/// The hash table's name in the report.
pub(crate) const HASH: &str = "hash look-up";
/// The memory read's name in the report.
pub(crate) const MEMORY: &str = "memory read";

/// All answers by request.
pub(crate) struct Answers {
    answers: HashMap<Request, bool, RandomState>,
    requests: Vec<Request>,
}

impl Answers {
    /// Learns the answer to each request.
    pub(crate) fn new(requests: &[Request], answer: impl Fn(usize) -> bool) -> Self {
        let answers = requests.iter().cloned().enumerate().map(|(at, request)| (request, answer(at))).collect();
        Self { answers, requests: requests.to_vec() }
    }
}

impl Engine for Answers {
    fn name(&self) -> &'static str {
        HASH
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        let requests = requests.iter().filter_map(|at| self.requests.get(*at));
        Ok(requests.filter(|request| self.answers.get(black_box(*request)).copied().unwrap_or_default()).count())
    }
}

/// A walk through memory in which each step depends on the one before.
pub(crate) struct Memory {
    next: Vec<u32>,
    at: u32,
}

impl Memory {
    /// Makes a walk over so many bytes that visits every place once before any place twice.
    pub(crate) fn new(bytes: usize) -> Self {
        let len = u32::try_from(bytes / size_of::<u32>()).unwrap_or(u32::MAX).max(16);
        let mut next: Vec<u32> = (0..len).collect();
        let mut random = Random::new(SEED);
        // Sattolo's shuffle leaves one single cycle.
        for last in (1..next.len()).rev() {
            next.swap(last, random.below(last));
        }
        Self { next, at: 0 }
    }
}

impl Engine for Memory {
    fn name(&self) -> &'static str {
        MEMORY
    }

    fn run(&mut self, requests: &[usize]) -> Result<usize> {
        for _ in requests {
            self.at = self.next.get(self.at as usize).copied().unwrap_or_default();
        }
        Ok(usize::from(black_box(self.at).is_multiple_of(2)))
    }
}
