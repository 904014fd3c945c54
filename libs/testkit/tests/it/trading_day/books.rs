//! What documents come to, added up from their JSON by nobody who keeps the totals.

use std::collections::BTreeMap;

use serde_json::Value;

/// Numbers by name; none is zero.
pub(crate) type Figures = BTreeMap<String, i64>;

/// All numbers of a report, by their place in it: `tenders.cash.paid`.
pub(crate) fn figures(report: &Value) -> Figures {
    let mut figures = Figures::new();
    collect(report, "", &mut figures);
    figures
}

fn collect(value: &Value, name: &str, figures: &mut Figures) {
    let under = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Number(number) => add(figures, name, number.as_i64().unwrap()),
        Value::Object(of) => of.iter().for_each(|(part, value)| collect(value, &under(part), figures)),
        Value::Array(items) => {
            for item in items {
                let key = item.get("tender").or_else(|| item.get("rate")).and_then(Value::as_str).unwrap();
                collect(item, &under(key), figures);
            }
        }
        _ => {}
    }
}

fn add(figures: &mut Figures, name: &str, number: i64) {
    let sum = figures.remove(name).unwrap_or(0) + number;
    if sum != 0 {
        figures.insert(name.to_owned(), sum);
    }
}

fn number(of: &Value, name: &str) -> i64 {
    of[name].as_i64().unwrap_or(0)
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().into_iter().flatten()
}

/// The kind of document.
pub(crate) fn kind(document: &Value) -> &str {
    document["kind"].as_str().unwrap_or("sale")
}

/// Whether a document has this flag.
pub(crate) fn flagged(document: &Value, flag: &str) -> bool {
    list(document, "flags").any(|of| of == flag)
}

/// The thousandths of `"1.5"`.
fn thousandths(quantity: &Value) -> i64 {
    let text = quantity.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: i64 = format!("{}{part:0<3}", whole.trim_start_matches('-')).parse().unwrap();
    if text.starts_with('-') { -digits } else { digits }
}

fn discount(line: &Value) -> i64 {
    list(line, "discounts").map(|off| number(off, "amount")).sum()
}

/// What a line costs: its amount less what was taken off.
pub(crate) fn due(line: &Value) -> i64 {
    number(line, "amount") - discount(line)
}

/// What a payment comes to.
fn paid(payment: &Value) -> i64 {
    number(payment, "amount") + number(payment, "tendered")
}

/// A sum over documents.
pub(crate) fn sum(documents: &[&Value], name: &str) -> i64 {
    documents.iter().map(|document| number(document, name)).sum()
}

/// What documents leave in the drawer.
pub(crate) fn cash(documents: &[&Value]) -> i64 {
    let cash = documents.iter().flat_map(|document| list(document, "payments"));
    cash.map(|payment| number(payment, "tendered")).sum::<i64>() - sum(documents, "change")
}

/// How many thousandths of a product went out.
pub(crate) fn quantity(documents: &[&Value], product: &str) -> i64 {
    let lines = documents.iter().flat_map(|document| list(document, "lines"));
    lines.filter(|line| line["product"] == product).map(|line| thousandths(&line["quantity"])).sum()
}

/// The points that a customer has by their documents: one for each full euro that they have kept of a sale.
pub(crate) fn points(documents: &[&Value], customer: &str) -> i64 {
    let back = |sale: &Value, at: usize| -> i64 {
        let lines = documents.iter().flat_map(|document| list(document, "lines"));
        let of_it = |line: &&Value| line["original"]["sale"] == sale["id"] && line["original"]["line"] == at;
        lines.filter(of_it).map(due).sum()
    };
    let kept = |sale: &Value| {
        let lines = list(sale, "lines").enumerate().filter(|(_, line)| thousandths(&line["quantity"]) > 0);
        lines.map(|(at, line)| due(line) + back(sale, at)).sum::<i64>()
    };
    let theirs = documents.iter().filter(|document| document["customer"] == customer);
    theirs.filter(|document| ["sale", "exchange"].contains(&kind(document))).map(|sale| kept(sale) / 100).sum()
}

/// The totals of a shift with these documents, as [`figures`] shows them.
pub(crate) fn totals(documents: &[&Value]) -> Figures {
    let mut totals = Figures::new();
    for document in documents {
        add(&mut totals, &format!("documents.{}s", kind(document)), 1);
        for (name, of) in [
            ("net", "net"),
            ("tax", "tax"),
            ("gross", "total"),
            ("tips", "tip"),
            ("cash_rounding", "cash_rounding"),
            ("change", "change"),
        ] {
            add(&mut totals, name, number(document, of));
        }
        add(&mut totals, "refunded", (-number(document, "total")).max(0));
        add(&mut totals, "discounts", list(document, "lines").map(discount).sum());
        for payment in list(document, "payments") {
            let tender = format!("tenders.{}", payment["method"].as_str().unwrap());
            add(&mut totals, &format!("{tender}.count"), 1);
            add(&mut totals, &format!("{tender}.paid"), paid(payment).max(0));
            add(&mut totals, &format!("{tender}.refunded"), (-paid(payment)).max(0));
        }
        for group in list(document, "taxes") {
            for name in ["net", "tax", "gross"] {
                add(&mut totals, &format!("taxes.{}.{name}", group["rate"].as_str().unwrap()), number(group, name));
            }
        }
    }
    totals
}

/// A report on documents by a dimension: its figures by key.
pub(crate) fn report(documents: &[&Value], by: &str) -> BTreeMap<String, Figures> {
    let mut report: BTreeMap<String, Figures> = BTreeMap::new();
    for document in documents {
        let back = list(document, "lines").any(|line| thousandths(&line["quantity"]) < 0);
        let counts = match kind(document) {
            "sale" | "exchange" => ("sales", 1),
            "return" => ("returns", 1),
            _ if back => ("sales", -1),
            _ => ("returns", -1),
        };
        let whole = [
            ("amount", number(document, "total")),
            ("net", number(document, "net")),
            ("tax", number(document, "tax")),
            ("tip", number(document, "tip")),
            ("discount", list(document, "lines").map(discount).sum()),
        ];
        let mut enter = |key: &Value, entries: &[(&str, i64)]| {
            let figures = report.entry(key.as_str().unwrap().to_owned()).or_default();
            entries.iter().chain([&counts]).for_each(|(name, number)| add(figures, name, *number));
        };
        let cashier = &document["cashier"];
        let none = Value::from("none");
        match by {
            "store" => enter(&"".into(), &whole),
            "register" => enter(&document["register"]["id"], &whole),
            "cashier" => enter(cashier, &whole),
            "salesperson" => enter(document.get("salesperson").unwrap_or(cashier), &whole),
            "product" => list(document, "lines").for_each(|line| {
                let quantity = ("quantity_thousandths", thousandths(&line["quantity"]));
                enter(&line["product"], &[quantity, ("amount", due(line)), ("discount", discount(line))]);
            }),
            "category" => list(document, "lines").for_each(|line| {
                let quantity = ("quantity_thousandths", thousandths(&line["quantity"]));
                let key = line.get("category").unwrap_or(&none);
                enter(key, &[quantity, ("amount", due(line)), ("discount", discount(line))]);
            }),
            "promotion" => list(document, "lines").flat_map(|line| list(line, "discounts")).for_each(|off| {
                enter(off.get("promotion").unwrap_or(&"manual".into()), &[("discount", number(off, "amount"))]);
            }),
            "tax" => list(document, "taxes").for_each(|group| {
                let [amount, net, tax] = ["gross", "net", "tax"].map(|name| number(group, name));
                enter(&group["rate"], &[("amount", amount), ("net", net), ("tax", tax)]);
            }),
            "tender" => {
                let mut change = number(document, "change");
                for payment in list(document, "payments") {
                    let out = if payment["method"] == "cash" { std::mem::take(&mut change) } else { 0 };
                    enter(&payment["method"], &[("amount", paid(payment) - out)]);
                }
            }
            other => panic!("nothing is reported by {other}"),
        }
    }
    report.retain(|_, figures| !figures.is_empty());
    report
}

/// The numbers of a document agree with each other.
pub(crate) fn assert_adds_up(document: &Value) {
    let [net, tax, total] = ["net", "tax", "total"].map(|name| number(document, name));
    assert_eq!(net + tax, total, "{document}");
    assert_eq!(list(document, "lines").map(due).sum::<i64>(), total, "{document}");
    for name in ["net", "tax"] {
        assert_eq!(list(document, "taxes").map(|group| number(group, name)).sum::<i64>(), number(document, name));
    }
    let paid: i64 = list(document, "payments").map(paid).sum();
    let owed = total + number(document, "tip") + number(document, "cash_rounding");
    assert_eq!(paid - number(document, "change"), owed, "{document}");
}
