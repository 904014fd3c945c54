//! Fixed-point decimals in text: an integer and how many of its digits are behind the point.

/// The text of `value` / 10^`places` with exactly so many places: `(-5, 2)` is "-0.05".
pub(crate) fn fixed(value: impl Into<i128>, places: u8) -> String {
    let value = value.into();
    let sign = if value < 0 { "-" } else { "" };
    let places = usize::from(places);
    let digits = format!("{:0width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// The shortest text of `value` / 10^`places`: `(2000, 3)` is "2", `(350, 3)` is "0.35".
pub(crate) fn shortest(value: i64, places: u8) -> String {
    let text = fixed(value, places);
    if places == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// The integer that is `text` × 10^`places`.
///
/// An optional sign, digits, and optionally a point with one to `places` digits; none for anything else, or beyond 64
/// bits.
pub(crate) fn parse(text: &str, places: u8) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let missing = usize::from(places).checked_sub(fraction.len())?;
    if whole.is_empty() {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', missing);
    let magnitude = whole.bytes().chain(fraction.bytes()).chain(zeros).try_fold(0_i64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_fixed_and_shortest() {
        assert_eq!(fixed(-5_i64, 2), "-0.05");
        assert_eq!(fixed(1234_i64, 2), "12.34");
        assert_eq!(fixed(1234_i64, 0), "1234");
        assert_eq!(shortest(1200, 0), "1200");
        assert_eq!(shortest(2000, 3), "2");
        assert_eq!(shortest(-1500, 3), "-1.5");
        assert_eq!(shortest(0, 3), "0");
    }

    #[test]
    fn parses_only_plain_decimals() {
        for (text, value) in [("2", 2000), ("+0.35", 350), ("-1.5", -1500), ("007.001", 7001), ("-0", 0)] {
            assert_eq!(parse(text, 3), Some(value), "{text}");
        }
        for text in ["", "-", ".", "1.", ".5", "1.2345", "1e3", " 1", "1 ", "1,5", "--1", "٣", "99999999999999999999"]
        {
            assert_eq!(parse(text, 3), None, "{text}");
        }
    }
}
