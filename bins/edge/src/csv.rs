//! Comma-separated values (RFC 4180).

/// A line of cells.
pub(crate) fn line(cells: &[String]) -> String {
    cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell in quotes if it needs them (RFC 4180), that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    if formula || text.contains(['"', ',', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_and_never_a_formula() {
        for (text, written) in [
            ("", ""),
            ("sale.submit.v1", "sale.submit.v1"),
            ("a, \"b\"\r\nc", "\"a, \"\"b\"\"\r\nc\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
