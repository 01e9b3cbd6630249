//! Numbers that look random and are the same in every run.

/// `SplitMix64`: small, quick, and good enough to scatter what it draws.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts the numbers of this seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws the next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number below `end`; 0 when there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// Returns `true` `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Picks one of `things`.
    pub(crate) fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        things.get(self.below(things.len()))
    }

    /// Draws up to `count` different numbers below `end`, in no order and scattered over all of them.
    pub(crate) fn sample(&mut self, count: usize, end: usize) -> Vec<usize> {
        // A step that has no divisor in common with `end` meets every number once.
        let mut step = self.below(end) | 1;
        while divisor(step, end) != 1 {
            step += 2;
        }
        let start = self.below(end);
        (0..count.min(end)).map(|n| (start + n * step) % end).collect()
    }
}

const fn divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Divides `total` by a power law: the `n`th of `count` gets a share in proportion to `n` to the power of minus
/// `exponent`, and none less than `least`.
pub(crate) fn power_law(count: usize, exponent: f64, total: usize, least: usize) -> Vec<usize> {
    let weights: Vec<f64> = (1..=count).map(|n| as_f64(n).powf(-exponent)).collect();
    let whole: f64 = weights.iter().sum();
    let share = |weight: &f64| as_usize(weight / whole * as_f64(total)).max(least);
    weights.iter().map(share).collect()
}

/// Converts a count to a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2 to the power of 52")]
pub(crate) const fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Returns the whole part of a number that is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative, and small")]
pub(crate) fn as_usize(number: f64) -> usize {
    number.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_sample_has_no_number_twice() {
        let mut random = Random::new(7);
        for (count, end) in [(0, 5), (3, 5), (5, 5), (9, 5), (999, 1_000), (64, 1 << 16)] {
            let sample = random.sample(count, end);
            let distinct: BTreeSet<usize> = sample.iter().copied().collect();
            assert_eq!((sample.len(), distinct.len()), (count.min(end), count.min(end)));
            assert!(distinct.into_iter().all(|n| n < end));
        }
    }

    #[test]
    fn a_power_law_shares_out_all_there_is() {
        let shares = power_law(1_000, 1.0, 2_000_000, 100);
        let whole: usize = shares.iter().sum();
        assert!((1_990_000..=2_000_000).contains(&whole), "{whole}");
        assert!(shares.is_sorted_by(|a, b| a >= b) && shares.last().is_some_and(|least| *least >= 100));
    }
}
