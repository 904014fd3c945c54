//! The demo shop: a café with fixed ids, so that examples work as they are printed, and a second merchant next door, so
//! that it can be seen that merchants do not see each other.
//!
//! | what | id |
//! |---|---|
//! | merchant "Corner Café" | `cafe0000-0000-8000-8000-000000000001` |
//! | its store | `cafe0000-0000-8000-8001-000000000001` |
//! | its registers, from 1 | `cafe0000-0000-8000-8002-000000000001`, … |
//! | its products, from 1 | `cafe0000-0000-8000-8003-000000000001`, … |
//!
//! The last part is the number in decimal digits. Next door begins with `d00d` instead of `cafe`, and has one store, one
//! register and ten products.

use tillstream_domain::{
    id::{MerchantId, ProductId, RegisterId, StoreId},
    money::{Amount, Currency, Rounding},
    quantity::Quantity,
    sale::{Merchant, Product, Register, Store},
    tax::{CashStep, Rate, Tax, TaxMode, TaxRounding, TaxRules},
};
use tillstream_store::seed::Shop;
use uuid::Uuid;

/// The number of what there is one of.
const ONLY: u32 = 1;
/// What each product's level is at first, in units.
const OPENING: i32 = 1_000_000;

/// Tax categories of both merchants: code, name, rate in millionths.
const TAXES: [(&str, &str, u32); 3] =
    [("standard", "Standard 19 %", 190_000), ("reduced", "Reduced 7 %", 70_000), ("zero", "Zero 0 %", 0)];

/// Names, prices in cents and tax categories of the café's first products. After them they are generated.
const MENU: [(&str, i64, &str); 12] = [
    ("Espresso", 220, "standard"),
    ("Cappuccino", 340, "standard"),
    ("Flat White", 380, "standard"),
    ("Pot of Tea", 310, "standard"),
    ("Hot Chocolate", 360, "standard"),
    ("Butter Croissant", 190, "reduced"),
    ("Cinnamon Roll", 260, "reduced"),
    ("Cheese Sandwich", 490, "reduced"),
    ("Apple Cake, slice", 350, "reduced"),
    ("Sourdough Loaf", 520, "reduced"),
    ("House Blend, 250 g", 890, "reduced"),
    (VOUCHER, 2_500, "zero"),
];

/// What gift cards are sold as.
const VOUCHER: &str = "Gift Voucher 25";

/// How large the café is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Products, 1 or more.
    pub products: u32,
    /// Registers, 1 or more.
    pub registers: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { products: 1_000, registers: 16 }
    }
}

/// Whose ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The café.
    Cafe,
    /// The merchant next door.
    NextDoor,
}

impl Owner {
    /// The body of a sale of so many of the first product, paid in cash at the first register, for `POST /v1/sales`.
    #[must_use]
    pub fn basket(self, quantity: u32) -> String {
        let (store, register, product) = (self.store(), self.register(1), self.product(1));
        format!(
            r#"{{"store":"{store}","register":"{register}","currency":"EUR","lines":[{{"product":"{product}","quantity":"{quantity}"}}],"payments":[{{"method":"cash","tendered":1000}}]}}"#
        )
    }

    fn id(self, kind: u16, number: u32) -> Uuid {
        let owner: u128 = match self {
            Self::Cafe => 0xcafe,
            Self::NextDoor => 0xd00d,
        };
        // Version 8 (RFC 9562): ids of one's own making. Decimal digits are hexadecimal ones too.
        let digits = u128::from_str_radix(&number.to_string(), 16).expect("decimal digits are hexadecimal digits");
        Uuid::from_u128(owner << 112 | 0x8000 << 64 | u128::from(0x8000 | kind) << 48 | digits)
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(self) -> MerchantId {
        MerchantId::new(self.id(0, ONLY))
    }

    /// The merchant's store.
    #[must_use]
    pub fn store(self) -> StoreId {
        StoreId::new(self.id(1, ONLY))
    }

    /// A register, from 1.
    #[must_use]
    pub fn register(self, number: u32) -> RegisterId {
        RegisterId::new(self.id(2, number))
    }

    /// A product, from 1.
    #[must_use]
    pub fn product(self, number: u32) -> ProductId {
        ProductId::new(self.id(3, number))
    }
}

/// "Corner Café": EUR, tax included in prices, rounded half-up for each rate.
#[must_use]
pub fn cafe(size: Size) -> Shop {
    let products = (1..=size.products).map(|number| {
        let listed = usize::try_from(number - 1).ok().and_then(|index| MENU.get(index));
        let generated = || {
            let (category, ..) = TAXES[number as usize % TAXES.len()];
            // Varied and never zero: 1.00 to 50.99.
            (format!("Product {number:04}"), 100 + i64::from(number) * 7_919 % 5_000, category)
        };
        let (name, price, category) =
            listed.map_or_else(generated, |(name, price, category)| ((*name).to_owned(), *price, *category));
        product(Owner::Cafe, number, name, price, category)
    });
    shop(Owner::Cafe, "Corner Café", "Corner Café, Market Square 1", size.registers, products.collect())
}

/// "Next Door": another merchant, with the same currency and rules.
#[must_use]
pub fn next_door() -> Shop {
    let products = (1..=10).map(|number| {
        product(Owner::NextDoor, number, format!("Paperback {number:02}"), 790 + i64::from(number) * 100, "reduced")
    });
    shop(Owner::NextDoor, "Next Door", "Next Door Books", ONLY, products.collect())
}

fn product(owner: Owner, number: u32, name: String, cents: i64, category: &str) -> Product {
    let stored_value = name == VOUCHER;
    Product {
        id: owner.product(number),
        sku: format!("P{number:04}"),
        name,
        unit_price: Amount::try_new(cents).expect("prices of the demo shop are small"),
        tax_category: category.to_owned(),
        tax: tax(category),
        categories: Vec::new(),
        weighed: false,
        stored_value,
        listed: Vec::new(),
    }
}

fn shop(owner: Owner, name: &str, store: &str, registers: u32, products: Vec<Product>) -> Shop {
    let store = Store { id: owner.store(), name: store.to_owned() };
    let register =
        |number| Register { id: owner.register(number), code: format!("R{number:02}"), store: store.clone() };
    Shop {
        merchant: Merchant {
            id: owner.merchant(),
            name: name.to_owned(),
            currency: Currency::try_new("EUR").expect("EUR is a currency"),
            rules: TaxRules {
                cash_step: CashStep::ONE,
                mode: TaxMode::Included,
                per: TaxRounding::Group,
                rounding: Rounding::HalfUp,
            },
        },
        registers: (1..=registers).map(register).collect(),
        stores: vec![store],
        tax_categories: TAXES
            .iter()
            .map(|(code, name, _)| ((*code).to_owned(), (*name).to_owned(), tax(code)))
            .collect(),
        products,
        opening: Quantity::whole(OPENING),
    }
}

fn tax(category: &str) -> Tax {
    let millionths = TAXES.iter().find(|(code, ..)| *code == category).map_or(0, |(_, _, rate)| *rate);
    Tax::single(Rate::try_new(millionths).expect("rates of the demo shop are below 1000 %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_as_documented() {
        assert_eq!(Owner::Cafe.merchant().to_string(), "cafe0000-0000-8000-8000-000000000001");
        assert_eq!(Owner::Cafe.store().to_string(), "cafe0000-0000-8000-8001-000000000001");
        assert_eq!(Owner::Cafe.register(16).to_string(), "cafe0000-0000-8000-8002-000000000016");
        assert_eq!(Owner::NextDoor.product(10).to_string(), "d00d0000-0000-8000-8003-000000000010");
    }

    #[test]
    fn products_are_named_then_generated() {
        let shop = cafe(Size { products: 20, registers: 2 });
        assert_eq!(shop.products.len(), 20);
        assert_eq!(shop.products[0].name, "Espresso");
        assert_eq!(shop.products[12].name, "Product 0013");
        assert!(shop.products.iter().all(|product| product.unit_price.get() > 0));
        assert_eq!(shop.registers[1].code, "R02");
    }
}
