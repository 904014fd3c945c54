//! Random numbers that follow from a seed: for baskets and back-off, not for secrets.

/// `SplitMix64` (Steele, Lea, Flood 2014): tiny, quick, and good enough to pick products.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers that follow from `seed`.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The numbers of one of many streams of a seed, which have nothing to do with each other.
    #[must_use]
    pub fn stream(seed: u64, number: u64) -> Self {
        let mut streams = Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Self(streams.draw())
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero. The bias is below bound / 2⁶⁴.
    ///
    /// # Panics
    /// Never: what is below `bound` fits.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.draw()) * (bound as u128);
        usize::try_from(wide >> 64).expect("it is below bound")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_repeat_by_seed_and_stay_below_their_bound() {
        let draw = |seed| -> Vec<usize> {
            let mut random = Random::seeded(seed);
            (0..1000).map(|_| random.below(10)).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let drawn = draw(1);
        assert!((0..10).all(|number| drawn.iter().filter(|drawn| **drawn == number).count() > 50));
        assert!(drawn.iter().all(|number| *number < 10));
    }
}
