//! A receipt in plain text.

use super::{Content, ContentDiscount, ContentLine, ContentPayment, Hash, KeyId};
use crate::{money::Amount, sale, tender::Kind};

/// Columns of a receipt on 80 mm paper.
pub const WIDTH: usize = 42;
/// The fewest columns: the longest amount, with space for a word before it.
pub const MIN_WIDTH: usize = 24;

/// The receipt in plain text: lines of at most `width` characters (at least [`MIN_WIDTH`]), each ended by a line feed.
///
/// Long names are wrapped. A character counts as one column, whatever its width in print; control characters are left
/// out, so that no text can steer a printer. Times are UTC. `hash` and `key` are those of the receipt.
#[must_use]
pub fn text(content: &Content, hash: &Hash, key: KeyId, width: usize) -> String {
    let mut page = Page { width: width.max(MIN_WIDTH), out: String::new() };
    let money = |amount: Amount| amount.format(content.currency);
    page.centered(&content.merchant.name);
    page.centered(&content.store.name);
    page.rule();
    if let Some(title) = title(content.kind) {
        page.centered(title);
    }
    page.row(&format!("Register {}", content.register.code), &format!("No. {}", content.number));
    // To the second: "2026-11-23T12:00:00.250000Z" is printed as "2026-11-23 12:00:00 UTC".
    page.left(&format!("{} UTC", content.sold_at.to_rfc3339().replace('T', " ").split('.').next().unwrap_or_default()));
    page.rule();
    for ContentLine { name, quantity, unit_price, amount, discounts, .. } in &content.lines {
        page.left(name);
        page.row(&format!("  {quantity} × {}", money(*unit_price)), &money(*amount));
        for ContentDiscount { name, amount, .. } in discounts {
            page.row(&format!("  {name}"), &Amount::ZERO.checked_sub(*amount).map(money).unwrap_or_default());
        }
    }
    page.rule();
    for group in &content.taxes {
        for part in &group.components {
            page.row(&format!("{} {} % on {}", part.name, part.rate, money(group.net)), &money(part.tax));
        }
        if group.components.is_empty() {
            page.row(&format!("Tax {} % on {}", group.rate, money(group.net)), &money(group.tax));
        }
    }
    page.row(&format!("TOTAL {}", content.currency), &money(content.total));
    for (what, amount) in [("Tip", content.tip), ("Rounding", content.cash_rounding)] {
        if !amount.is_zero() {
            page.row(what, &money(amount));
        }
    }
    for payment in &content.payments {
        page.row(&label(payment), &money(payment.amount));
    }
    if content.change != Amount::ZERO {
        page.row("Change", &money(content.change));
    }
    page.rule();
    for line in content.note.iter().flat_map(|note| note.lines()) {
        page.left(line);
    }
    page.row("Hash", &hash.to_string()[..16]);
    page.row("Key", &key.to_string());
    page.out
}

/// What stands above anything but a sale.
const fn title(kind: sale::Kind) -> Option<&'static str> {
    match kind {
        sale::Kind::Sale => None,
        sale::Kind::Return => Some("RETURN"),
        sale::Kind::Exchange => Some("EXCHANGE"),
        sale::Kind::Void => Some("VOID"),
        sale::Kind::Training => Some("TRAINING"),
    }
}

fn label(payment: &ContentPayment) -> String {
    match payment.kind {
        Kind::Cash => "Cash".to_owned(),
        Kind::GiftCard => "Gift card".to_owned(),
        Kind::StoreCredit => "Store credit".to_owned(),
        Kind::Voucher => "Voucher".to_owned(),
        Kind::OnAccount => "On account".to_owned(),
        Kind::Custom => payment.name.clone().unwrap_or_default(),
        Kind::Card => {
            let brand = payment.brand.as_deref().unwrap_or("Card");
            payment.last4.as_ref().map_or_else(|| brand.to_owned(), |last4| format!("{brand} *{last4}"))
        }
    }
}

struct Page {
    width: usize,
    out: String,
}

impl Page {
    fn rule(&mut self) {
        self.line(&"-".repeat(self.width));
    }

    fn left(&mut self, text: &str) {
        for line in wrap(text, self.width) {
            self.line(&line);
        }
    }

    fn centered(&mut self, text: &str) {
        for line in wrap(text, self.width) {
            let before = (self.width - line.chars().count()) / 2;
            self.line(&format!("{}{line}", " ".repeat(before)));
        }
    }

    /// Two columns; the right one, which is shorter than a line, moves to a line of its own if it has to.
    fn row(&mut self, left: &str, right: &str) {
        let indent = left.len() - left.trim_start().len();
        let mut lines = wrap(left, self.width - indent);
        let last = format!("{}{}", " ".repeat(indent), lines.pop().unwrap_or_default());
        for line in lines {
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
        let space = self.width.saturating_sub(right.chars().count());
        if last.chars().count() < space {
            self.line(&format!("{last:<space$}{right}"));
        } else {
            self.line(&last);
            self.line(&format!("{right:>width$}", width = self.width));
        }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }
}

/// The words of a text in lines of at most `width` characters; words that are longer are broken.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut length) = (String::new(), 0);
    for word in text.split(|char: char| char.is_whitespace() || char.is_control()).filter(|word| !word.is_empty()) {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for char in word.chars() {
            if length == width {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            line.push(char);
            length += 1;
        }
    }
    if length > 0 {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        receipt::{Head, SigningKey, issue},
        shop,
    };

    fn print(change: impl FnOnce(&mut Content), width: usize) -> String {
        let issued = issue(&Head::GENESIS, &shop::sale(1), shop::noon(), &SigningKey::from_seed(&[7; 32]));
        let mut content = Content::parse(&issued.content).unwrap();
        change(&mut content);
        text(&content, &issued.hash, issued.key_id, width)
    }

    #[test]
    fn a_receipt_says_what_was_sold_and_paid() {
        let expected = "                Café Nord
               Hauptstraße
------------------------------------------
Register K1                          No. 1
2026-11-23 12:00:00 UTC
------------------------------------------
Espresso
  2 × 2.50                            5.00
Beans, loose
  0.35 × 19.99                        7.00
------------------------------------------
Tax 7 % on 6.54                       0.46
Tax 19 % on 4.20                      0.80
TOTAL EUR                            12.00
Visa *1111                            2.00
Cash                                 20.00
Change                               10.00
------------------------------------------
thank you
Hash                      03d43ae2b62f365d
Key                       fe812c12f3ab4ce6
";
        assert_eq!(print(|_| (), WIDTH), expected);
    }

    #[test]
    fn long_names_wrap_and_amounts_move_down() {
        let name = "Donaudampfschifffahrtsgesellschaftskapitänsmütze with\u{1B}@ a bow";
        let printed = print(
            |content| {
                content.lines[0].name = name.to_owned();
                content.payments[0].brand = Some("A card of a brand that goes on".to_owned());
            },
            24,
        );
        let wanted = "Donaudampfschifffahrtsge\nsellschaftskapitänsmütze\nwith @ a bow\n  2 × 2.50          5.00\n";
        assert!(printed.contains(wanted), "{printed}");
        assert!(printed.contains("A card of a brand that\ngoes on *1111       2.00\n"), "{printed}");
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_the_paper(names in prop::collection::vec(any::<String>(), 4), width in 0_usize..80) {
            let printed = print(|content| {
                content.merchant.name.clone_from(&names[0]);
                content.lines[0].name.clone_from(&names[1]);
                content.lines[1].unit_price = Amount::MAX;
                content.register.code.clone_from(&names[2]);
                content.note = Some(names[3].clone());
            }, width);
            let longest = printed.lines().map(|line| line.chars().count()).max().unwrap();
            prop_assert!(longest <= width.max(MIN_WIDTH), "{}", printed);
            prop_assert!(printed.chars().all(|char| char == '\n' || !char.is_control()));
        }
    }
}
