//! Mix and match: which units make groups.

use super::Bundle;

/// Values of units are compared in parts of a minor unit, 2^32 of them, rounded down.
const FINE: i128 = 1 << 32;

/// Makes groups of units, the dearest first, as long as a group costs more than the deal's price, and at most `limit`.
///
/// `open` has of each line how many units there are and what they cost together, the line with the dearest units first.
/// Gives the number of groups, and of each line how many units are in them; of the lines at the end that have none it may
/// give nothing. It does not go through single units: groups within one line are alike.
pub(super) fn group(open: &[(i128, i128)], deal: Bundle, limit: i128) -> (i128, Vec<i128>) {
    let (size, price) = (i128::from(deal.units.get()), i128::from(deal.price.get()) * FINE);
    let mut groups = 0;
    let mut used = vec![0; open.len()];
    // The group that is being filled: how many units are in it, what they cost, and which they are.
    let (mut filled, mut cost, mut parts) = (0, 0, Vec::new());
    for (at, &(units, due)) in open.iter().enumerate() {
        let mut left = units;
        while left > 0 && groups < limit {
            if filled == 0 && left >= size {
                if due * FINE * size / units <= price {
                    return (groups, used);
                }
                let alike = (left / size).min(limit - groups);
                groups += alike;
                used[at] += alike * size;
                left -= alike * size;
                continue;
            }
            let part = left.min(size - filled);
            filled += part;
            cost += due * FINE * part / units;
            parts.push((at, part));
            left -= part;
            if filled == size {
                if cost <= price {
                    return (groups, used);
                }
                groups += 1;
                parts.drain(..).for_each(|(at, part)| used[at] += part);
                (filled, cost) = (0, 0);
            }
        }
    }
    (groups, used)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;

    use super::*;
    use crate::money::Amount;

    fn deal(units: u16, price: i64) -> Bundle {
        Bundle { units: NonZeroU16::new(units).unwrap(), price: Amount::try_new(price).unwrap() }
    }

    #[test]
    fn groups_are_made_as_long_as_they_get_cheaper() {
        // 3 for 5.00: 2.00 × 4 and 1.00 × 5: 6.00, then 2.00 + 1.00 + 1.00 would get dearer.
        assert_eq!(group(&[(4, 800), (5, 500)], deal(3, 500), i128::MAX), (1, vec![3, 0]));
        assert_eq!(group(&[(4, 800), (5, 500)], deal(3, 399), i128::MAX), (2, vec![4, 2]));
        // A group that costs what the deal costs stays as it is, and its units are free for others.
        assert_eq!(group(&[(1, 200), (2, 200)], deal(3, 400), i128::MAX), (0, vec![0, 0]));
        assert_eq!(group(&[(3, 600)], deal(3, 600), i128::MAX), (0, vec![0]));
        assert_eq!(group(&[(1_000_000, 200_000_000)], deal(3, 500), i128::MAX), (333_333, vec![999_999]));
        assert_eq!(group(&[(1_000_000, 200_000_000)], deal(3, 500), 2), (2, vec![6]));
    }

    proptest! {
        #[test]
        fn runs_are_as_single_units(
            mut lines in prop::collection::vec((1_i128..9, 1_i128..500), 1..8), size in 1_u16..6, price in 0_i64..1500, limit in 1_i128..9,
        ) {
            lines.sort_by_key(|&(_, each)| -each);
            let open: Vec<_> = lines.iter().map(|&(units, each)| (units, units * each)).collect();
            let single: Vec<_> = lines.iter().enumerate().flat_map(|(at, &(units, each))| (0..units).map(move |_| (at, each))).collect();
            let mut expected = (0, vec![0; lines.len()]);
            for chunk in single.chunks_exact(size.into()) {
                if expected.0 == limit || chunk.iter().map(|(_, each)| each).sum::<i128>() <= price.into() {
                    break;
                }
                expected.0 += 1;
                for &(at, _) in chunk {
                    expected.1[at] += 1;
                }
            }
            prop_assert_eq!(group(&open, deal(size, price), limit), expected);
        }
    }
}
