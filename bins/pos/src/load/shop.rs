//! What a till knows of its shop, and the baskets that its customers bring.

use std::{fmt::Write, time::Duration};

use anyhow::ensure;
use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    client::{Client, Target},
    random::Random,
};

/// The largest page of products that is asked for.
const PAGE: usize = 200;
/// How long the shop's server may take for a page.
const TIME_OUT: Duration = Duration::from_secs(30);

/// A shop, as its tills know it.
#[derive(Clone, Debug)]
pub struct Shop {
    /// ISO 4217 code of its prices.
    pub currency: String,
    /// Its registers; at least one.
    pub registers: Vec<Register>,
    /// Its products, or the first of them; at least one.
    pub products: Vec<Product>,
}

/// A register and the store that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// The register.
    pub id: Uuid,
    /// The store.
    pub store: Uuid,
}

/// A product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: Uuid,
    /// Its price in minor units.
    pub unit_price: i64,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct RegisterItem {
    id: Uuid,
    store: StoreItem,
}

#[derive(Deserialize)]
struct StoreItem {
    id: Uuid,
}

impl Shop {
    /// Asks the server for the caller's registers and first `products` products.
    ///
    /// # Errors
    /// When it does not answer with them, or there are none.
    pub async fn fetch(target: &Target, currency: &str, products: usize) -> anyhow::Result<Self> {
        let mut client = Client::new(target.clone(), TIME_OUT);
        let registers: Page<RegisterItem> = client.json("/v1/registers").await?;
        let registers: Vec<Register> =
            registers.items.into_iter().map(|item| Register { id: item.id, store: item.store.id }).collect();
        ensure!(!registers.is_empty(), "the shop at {target} has no registers: seed it first");
        let mut shop = Self { currency: currency.to_owned(), registers, products: Vec::new() };
        let mut after = String::new();
        while shop.products.len() < products {
            let limit = PAGE.min(products - shop.products.len());
            let page: Page<Product> = client.json(&format!("/v1/products?limit={limit}{after}")).await?;
            shop.products.extend(page.items);
            match page.next {
                Some(next) => after = format!("&after={}", percent_encoded(&next)),
                None => break,
            }
        }
        ensure!(!shop.products.is_empty(), "the shop at {target} has no products: seed it first");
        Ok(shop)
    }

    /// The same shop with only its first products.
    #[must_use]
    pub fn first(&self, products: usize) -> Self {
        let products = self.products.iter().copied().take(products).collect();
        Self { products, currency: self.currency.clone(), registers: self.registers.clone() }
    }
}

/// RFC 3986: what is not unreserved is encoded.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a String does not fail"),
        }
    }
    encoded
}

/// Makes the sales of a run: number and seed decide what is in each.
#[derive(Clone, Debug)]
pub struct Baskets {
    /// A sale up to its lines, by register.
    heads: Vec<String>,
    /// A line up to its quantity, and its price.
    lines: Vec<(String, i64)>,
    lines_per_sale: usize,
    seed: u64,
}

impl Baskets {
    /// Baskets of `lines_per_sale` different products each.
    ///
    /// # Errors
    /// When the shop does not have as many.
    pub fn new(shop: &Shop, lines_per_sale: usize, seed: u64) -> anyhow::Result<Self> {
        let products = shop.products.len();
        ensure!(lines_per_sale >= 1, "a sale has one line at least");
        ensure!(
            lines_per_sale <= products,
            "{lines_per_sale} different products in a sale, but only {products} to sell"
        );
        let head = |Register { id, store }: &Register| {
            format!(r#"{{"store":"{store}","register":"{id}","currency":"{}","lines":["#, shop.currency)
        };
        let line = |product: &Product| (format!(r#"{{"product":"{}","quantity":""#, product.id), product.unit_price);
        let heads = shop.registers.iter().map(head).collect();
        Ok(Self { heads, lines: shop.products.iter().map(line).collect(), lines_per_sale, seed })
    }

    /// The body of a sale at the given register (counted round and round): one to three of each product, paid in cash
    /// with more than is due, even where tax is added to the prices.
    #[must_use]
    pub fn sale(&self, number: u64, register: usize) -> Bytes {
        let mut random = Random::stream(self.seed, number);
        let mut body = String::with_capacity(256 + 80 * self.lines_per_sale);
        body.push_str(&self.heads[register % self.heads.len()]);
        let mut picked: Vec<usize> = Vec::with_capacity(self.lines_per_sale);
        let mut sum = 0_i64;
        while picked.len() < self.lines_per_sale {
            let pick = random.below(self.lines.len());
            if picked.contains(&pick) {
                continue;
            }
            let (line, price) = &self.lines[pick];
            let (quantity, times) = [("1", 1), ("2", 2), ("3", 3)][random.below(3)];
            let comma = if picked.is_empty() { "" } else { "," };
            body.extend([comma, line, quantity, "\"}"]);
            sum = sum.saturating_add(price.saturating_mul(times));
            picked.push(pick);
        }
        // Twice the sum, in notes of 1,000 minor units.
        let tendered = (sum / 500).saturating_add(1).saturating_mul(1000);
        write!(body, r#"],"payments":[{{"method":"cash","tendered":{tendered}}}]}}"#)
            .expect("writing to a String does not fail");
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    fn shop(products: u128) -> Shop {
        Shop {
            currency: "EUR".to_owned(),
            registers: vec![
                Register { id: Uuid::from_u128(1), store: Uuid::from_u128(10) },
                Register { id: Uuid::from_u128(2), store: Uuid::from_u128(10) },
            ],
            products: (0..products)
                .map(|n| Product { id: Uuid::from_u128(100 + n), unit_price: 100 + i64::try_from(n).unwrap() })
                .collect(),
        }
    }

    #[test]
    fn sales_are_well_formed_covered_and_repeatable() {
        let shop = shop(10);
        let baskets = Baskets::new(&shop, 4, 7).unwrap();
        for number in 0..200 {
            let body = baskets.sale(number, 3);
            assert_eq!(body, baskets.sale(number, 3));
            let sale: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(sale["register"], Uuid::from_u128(2).to_string());
            let lines = sale["lines"].as_array().unwrap();
            let products: HashSet<&str> = lines.iter().map(|line| line["product"].as_str().unwrap()).collect();
            assert_eq!(products.len(), 4);
            let price =
                |id: &str| shop.products.iter().find(|product| product.id.to_string() == id).unwrap().unit_price;
            let due: i64 = lines
                .iter()
                .map(|line| {
                    let quantity: i64 = line["quantity"].as_str().unwrap().parse().unwrap();
                    assert!((1..=3).contains(&quantity));
                    quantity * price(line["product"].as_str().unwrap())
                })
                .sum();
            assert!(sale["payments"][0]["tendered"].as_i64().unwrap() >= 2 * due);
        }
        let bodies: HashSet<Bytes> = (0..200).map(|number| baskets.sale(number, 0)).collect();
        assert!(bodies.len() > 190);
    }

    #[test]
    fn more_lines_than_products_are_refused() {
        assert!(Baskets::new(&shop(3), 4, 1).is_err());
        assert!(Baskets::new(&shop(3), 0, 1).is_err());
        assert_eq!(shop(10).first(3).products.len(), 3);
    }

    #[test]
    fn cursors_are_encoded() {
        assert_eq!(percent_encoded("a b+c/=~"), "a%20b%2Bc%2F%3D~");
    }
}
