//! The shops that tests sell in.

use tillstream_domain::{
    id::{MerchantId, ProductId, RegisterId, StoreId},
    money::{Amount, Currency, Rounding},
    quantity::Quantity,
    sale::{Merchant, Product, Register, Store},
    tax::{CashStep, Rate, Tax, TaxMode, TaxRounding, TaxRules},
};
use uuid::Uuid;

/// A merchant with one store, two registers and a few products, known by a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixture(u8);

/// The shop of most tests.
pub const SHOP: Fixture = Fixture(0xA);
/// Another merchant on the same system.
pub const NEXT_DOOR: Fixture = Fixture(0xB);

/// SKU, price in cents, tax category.
const PRODUCTS: [(&str, i64, &str); 4] =
    [("espresso", 220, "standard"), ("cake", 350, "reduced"), ("tea", 199, "reduced"), ("voucher", 2_500, "zero")];

impl Fixture {
    fn id(self, kind: u8, number: u8) -> Uuid {
        let mut bytes = [0; 16];
        (bytes[0], bytes[6], bytes[8], bytes[9], bytes[15]) = (self.0, 0x80, 0x80, kind, number);
        Uuid::from_bytes(bytes)
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(self) -> MerchantId {
        MerchantId::new(self.id(0, 1))
    }

    /// The store.
    #[must_use]
    pub fn store(self) -> StoreId {
        StoreId::new(self.id(1, 1))
    }

    /// Register 1 or 2.
    #[must_use]
    pub fn register(self, number: u8) -> RegisterId {
        RegisterId::new(self.id(2, number))
    }

    /// The product of that SKU.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn product(self, sku: &str) -> ProductId {
        let place =
            PRODUCTS.iter().position(|(name, ..)| *name == sku).expect("the test names a product that there is");
        ProductId::new(self.id(3, u8::try_from(place + 1).expect("there are few products")))
    }

    /// The price of that SKU, in cents.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn price(self, sku: &str) -> i64 {
        PRODUCTS.iter().find(|(name, ..)| *name == sku).expect("the test names a product that there is").1
    }

    pub(crate) fn seed(self) -> tillstream_store::seed::Shop {
        let valid = "the fixture's values are valid";
        let tax = |millionths| Tax::single(Rate::try_new(millionths).expect(valid));
        let rules = TaxRules {
            cash_step: CashStep::ONE,
            mode: TaxMode::Included,
            per: TaxRounding::Group,
            rounding: Rounding::HalfUp,
        };
        let currency = Currency::try_new("EUR").expect(valid);
        let store = Store { id: self.store(), name: "High Street".to_owned() };
        let rates = [("standard", 190_000), ("reduced", 70_000), ("zero", 0)];
        tillstream_store::seed::Shop {
            merchant: Merchant { id: self.merchant(), name: format!("Shop {:X}", self.0), currency, rules },
            registers: (1..=2)
                .map(|number| Register { id: self.register(number), code: format!("R{number}"), store: store.clone() })
                .collect(),
            stores: vec![store],
            tax_categories: rates
                .map(|(code, millionths)| (code.to_owned(), code.to_owned(), tax(millionths)))
                .to_vec(),
            products: PRODUCTS
                .iter()
                .map(|(sku, price, category)| Product {
                    id: self.product(sku),
                    sku: (*sku).to_owned(),
                    name: format!("A {sku}"),
                    unit_price: Amount::try_new(*price).expect(valid),
                    tax_category: (*category).to_owned(),
                    tax: tax(rates.iter().find(|(code, _)| code == category).expect(valid).1),
                    categories: Vec::new(),
                    weighed: false,
                    stored_value: *sku == "voucher",
                    listed: Vec::new(),
                })
                .collect(),
            opening: Quantity::whole(100),
        }
    }
}
