//! Sharing an amount out.

use std::cmp::Reverse;

use crate::money::Amount;

/// Shares `total` out in proportion to `weights`: each share is the exact one rounded down or up to a whole minor unit,
/// and all of them add up to `total`.
///
/// By largest remainder (Hamilton's method): all shares are rounded towards zero, and what is then left goes, one minor
/// unit each, to those that lost most; of equals to the first. A share of weight nothing is nothing, unless all weights
/// are: then they count as equal. Of no weights there are no shares. A negative total is shared as its opposite is.
#[must_use]
pub fn allocate(total: Amount, weights: &[u64]) -> Vec<Amount> {
    let whole: u128 = weights.iter().copied().map(u128::from).sum();
    let (whole, of) = match whole {
        0 => (weights.len() as u128, (|_| 1) as fn(u64) -> u128),
        whole => (whole, u128::from as fn(u64) -> u128),
    };
    let units = u128::from(total.get().unsigned_abs());
    let mut shares: Vec<_> = weights.iter().map(|&weight| units * of(weight) / whole).collect();
    let given: u128 = shares.iter().sum();
    let mut losers: Vec<_> = (0..weights.len()).collect();
    // A stable sort: of equals the first stays first.
    losers.sort_by_key(|&at| Reverse(units * of(weights[at]) % whole));
    for at in losers.into_iter().take(usize::try_from(units - given).unwrap_or(usize::MAX)) {
        shares[at] += 1;
    }
    let signed = |share| {
        let share = i64::try_from(share).expect("a share is no more than the total");
        Amount::try_new(if total.is_negative() { -share } else { share }).expect("a share is no more than the total")
    };
    shares.into_iter().map(signed).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(total: i64, weights: &[u64]) -> Vec<i64> {
        allocate(Amount::try_new(total).unwrap(), weights).into_iter().map(Amount::get).collect()
    }

    #[test]
    fn the_rest_goes_to_those_that_lost_most_and_of_equals_to_the_first() {
        assert_eq!(shares(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(shares(-100, &[1, 1, 1]), [-34, -33, -33]);
        // 3.6, 1.2 and 1.2 of 6.
        assert_eq!(shares(6, &[3, 1, 1]), [4, 1, 1]);
        assert_eq!(shares(5, &[0, 7, 0]), [0, 5, 0]);
        assert_eq!(shares(5, &[0, 0]), [3, 2]);
        assert_eq!(shares(5, &[]), [] as [i64; 0]);
        assert_eq!(shares(Amount::MAX.get(), &[u64::MAX, u64::MAX]), [(1 << 52), (1 << 52) - 1]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_off_by_less_than_a_unit(
            total in -Amount::MAX.get()..=Amount::MAX.get(),
            weights in prop::collection::vec(0_u64..1 << 53, 1..40),
        ) {
            let found = shares(total, &weights);
            prop_assert_eq!(found.iter().sum::<i64>(), total);
            let whole: i128 = weights.iter().map(|&weight| i128::from(weight)).sum();
            for (&share, &weight) in found.iter().zip(&weights) {
                let off = i128::from(share) * whole - i128::from(total) * i128::from(weight);
                prop_assert!(whole == 0 || off.abs() < whole);
                prop_assert!(share == 0 || (share < 0) == (total < 0));
            }
            prop_assert_eq!(shares(-total, &weights), found.into_iter().map(|share| -share).collect::<Vec<_>>());
        }
    }
}
