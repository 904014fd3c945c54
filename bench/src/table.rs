//! Tables for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::compare::{Pair, Point};

const HEAD: [&str; 9] =
    ["products", "clients", "tillstream/s", "p50", "p99 ms", "conventional/s", "p50", "p99 ms", "ratio"];
const WIDTHS: [usize; 9] = [9, 8, 13, 9, 9, 15, 9, 9, 8];

/// The comparison, and Tillstream's latencies at half load.
pub(crate) fn comparison(points: &[Point], pairs: &[Pair]) -> String {
    let mut text = row(&HEAD.map(str::to_owned));
    let latency = |system: &str, pair: &Pair| {
        let of = |point: &&Point| {
            point.system == system
                && point.products == pair.products
                && point.report.offered_per_second.is_none()
                && usize::try_from(point.report.clients) == Ok(pair.clients)
        };
        points.iter().find(of).map_or([0.0, 0.0], |point| [point.report.latency_ms.p50, point.report.latency_ms.p99])
    };
    for pair in pairs {
        let [p50, p99] = latency("tillstream", pair);
        let [their_p50, their_p99] = latency("conventional", pair);
        text += &row(&[
            pair.products.to_string(),
            pair.clients.to_string(),
            format!("{:.0}", pair.tillstream_per_second),
            format!("{p50:.1}"),
            format!("{p99:.1}"),
            format!("{:.0}", pair.conventional_per_second),
            format!("{their_p50:.1}"),
            format!("{their_p99:.1}"),
            format!("{:.1}×", pair.ratio),
        ]);
    }
    for point in points {
        let Some(offered) = point.report.offered_per_second else { continue };
        let ms = point.report.latency_ms;
        let through = point.sales_per_second;
        let line = format!(
            "\n{offered:.0} sales/s offered, {} products: {through:.0}/s through, p50 {:.1}, p95 {:.1}, p99 {:.1}, max {:.1} ms",
            point.products, ms.p50, ms.p95, ms.p99, ms.max
        );
        text += &line;
    }
    text + "\n"
}

/// A number for each name, in columns.
pub(crate) fn columns(head: &str, columns: &[(&str, BTreeMap<String, f64>)]) -> String {
    let mut text = format!("{head:<19}");
    for (name, _) in columns {
        cell(&mut text, name, 18);
    }
    text.push('\n');
    let names = columns.iter().flat_map(|(_, cells)| cells.keys()).collect::<BTreeSet<_>>();
    for name in names {
        write!(text, "{name:<19}").expect("writing to a String does not fail");
        for (_, cells) in columns {
            cell(&mut text, &cells.get(name).map_or_else(|| "–".to_owned(), |number| format!("{number:.1}")), 18);
        }
        text.push('\n');
    }
    text
}

fn row(cells: &[String; 9]) -> String {
    let mut text = String::new();
    for (text_of_cell, width) in cells.iter().zip(WIDTHS) {
        cell(&mut text, text_of_cell, width);
    }
    text + "\n"
}

fn cell(text: &mut String, cell: &str, width: usize) {
    write!(text, "{cell:>width$}").expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_show_what_is_missing() {
        let cells = |cells: &[(&str, f64)]| cells.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        let text =
            columns("part", &[("rest", cells(&[("edge", 9.96)])), ("load", cells(&[("edge", 21.0), ("nats", 5.0)]))]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], format!("{:<19}{:>18}{:>18}", "edge", "10.0", "21.0"));
        assert_eq!(lines[2], format!("{:<19}{:>18}{:>18}", "nats", "–", "5.0"));
    }
}
