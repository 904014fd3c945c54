//! A shop to test with.

use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    id::{CategoryId, MerchantId, ProductId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency, Rounding},
    quantity::Quantity,
    sale::{Books, Merchant, NewLine, Pasts, Product, Register, Sale, Store, Submission, submit},
    tax::{CashStep, Tax, TaxMode, TaxRounding, TaxRules},
    tender::{Last4, Payment},
    text::Text,
    time::Timestamp,
};

pub(crate) const MERCHANT: MerchantId = MerchantId::new(Uuid::from_u128(1));
pub(crate) const STORE: StoreId = StoreId::new(Uuid::from_u128(2));
pub(crate) const OTHER_STORE: StoreId = StoreId::new(Uuid::from_u128(3));
pub(crate) const REGISTER: RegisterId = RegisterId::new(Uuid::from_u128(4));
pub(crate) const OTHER_REGISTER: RegisterId = RegisterId::new(Uuid::from_u128(5));
pub(crate) const ESPRESSO: ProductId = ProductId::new(Uuid::from_u128(6));
pub(crate) const BEANS: ProductId = ProductId::new(Uuid::from_u128(7));
/// Of beans, and not of espresso.
pub(crate) const GROCERIES: CategoryId = CategoryId::new(Uuid::from_u128(8));
/// Above it.
const GOODS: CategoryId = CategoryId::new(Uuid::from_u128(9));
pub(crate) const RULES: TaxRules =
    TaxRules { cash_step: CashStep::ONE, mode: TaxMode::Included, per: TaxRounding::Group, rounding: Rounding::HalfUp };

pub(crate) fn amount(minor_units: i64) -> Amount {
    Amount::try_new(minor_units).unwrap()
}

pub(crate) fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(crate) fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub(crate) fn sale_id(number: u128) -> SaleId {
    SaleId::new(Uuid::from_u128(0x5a1e_0000 + number))
}

/// A café with two stores, a register in each, espresso at 2.50 (19 %) and beans at 19.99 a kilogram (7 %).
pub(crate) fn books(rules: TaxRules) -> Books {
    let merchant =
        Merchant { id: MERCHANT, name: "Café Nord".to_owned(), currency: Currency::try_new("EUR").unwrap(), rules };
    let store = |id, name: &str| Store { id, name: name.to_owned() };
    let register = |id, code: &str, store| Register { id, code: code.to_owned(), store };
    let product = |id, sku: &str, name: &str, price, percent: &str| Product {
        id,
        sku: sku.to_owned(),
        name: name.to_owned(),
        unit_price: amount(price),
        tax_category: format!("vat-{percent}"),
        tax: Tax::single(percent.parse().unwrap()),
        categories: if id == BEANS { vec![GROCERIES, GOODS] } else { Vec::new() },
        weighed: false,
        stored_value: false,
        listed: Vec::new(),
    };
    Books::new(
        merchant,
        [],
        [
            register(REGISTER, "K1", store(STORE, "Hauptstraße")),
            register(OTHER_REGISTER, "K2", store(OTHER_STORE, "Hafen")),
        ],
        [product(ESPRESSO, "ESP", "Espresso", 250, "19"), product(BEANS, "BEAN-KG", "Beans, loose", 1999, "7")],
    )
}

pub(crate) fn line(product: ProductId, how_much: &str) -> NewLine {
    NewLine { product, quantity: quantity(how_much), original: None, unit_price: None, discount: None, charged: None }
}

pub(crate) fn cash(tendered: i64) -> Payment {
    Payment::Cash { tendered: amount(tendered) }
}

/// Two espressos and 350 g of beans for 12.00, 2.00 of it by card, 20.00 tendered in cash.
pub(crate) fn submission(number: u128) -> Submission {
    let card = Payment::Card {
        amount: amount(200),
        reference: Some(Text::try_new("T-1 0042").unwrap()),
        brand: Some(Text::try_new("Visa").unwrap()),
        last4: Some(Last4::try_new("1111").unwrap()),
        payment: None,
    };
    Submission {
        id: sale_id(number),
        store: STORE,
        register: REGISTER,
        ticket: None,
        cashier: None,
        salesperson: None,
        customer: None,
        training: false,
        offline: false,
        sold_at: noon(),
        currency: Currency::try_new("EUR").unwrap(),
        lines: vec![line(ESPRESSO, "2"), line(BEANS, "0.35")],
        asked: crate::sale::Asked::default(),
        tip: Amount::ZERO,
        payments: vec![card, cash(2000)],
        note: Some(Text::try_new("thank you").unwrap()),
    }
}

pub(crate) fn sale(number: u128) -> Sale {
    submit(&books(RULES), &submission(number), &mut Pasts::new(), noon()).unwrap()
}

/// A sale at the other register.
pub(crate) fn other_sale(number: u128) -> Sale {
    let elsewhere = Submission { store: OTHER_STORE, register: OTHER_REGISTER, ..submission(number) };
    submit(&books(RULES), &elsewhere, &mut Pasts::new(), noon()).unwrap()
}

prop_compose! {
    pub(crate) fn any_rules()(included: bool, line: bool, up: bool) -> TaxRules {
        TaxRules {
            cash_step: CashStep::ONE,
            mode: if included { TaxMode::Included } else { TaxMode::Added },
            per: if line { TaxRounding::Line } else { TaxRounding::Group },
            rounding: if up { Rounding::HalfUp } else { Rounding::HalfEven },
        }
    }
}

prop_compose! {
    /// A sale under any rules, of up to eight lines, paid by a card and in cash.
    pub(crate) fn any_sale()(
        rules in any_rules(),
        lines in prop::collection::vec((any::<bool>(), 1_i64..50_000, prop::option::of(0_i64..100_000)), 1..8),
        card in 1_i64..10_000,
        over in 0_i64..5_000,
        note in prop::option::of("[a-zé\"\\\\\n€😀]{1,20}"),
        number in 0_u128..1_000_000,
    ) -> (Books, Submission) {
        let books = books(rules);
        let lines = lines.into_iter().map(|(beans, thousandths, price)| NewLine {
            product: if beans { BEANS } else { ESPRESSO },
            quantity: Quantity::from_thousandths(thousandths).unwrap(),
            original: None,
            unit_price: price.map(amount),
            discount: None,
            charged: None,
        });
        let mut submission = Submission { lines: lines.collect(), payments: Vec::new(), ..submission(number) };
        submission.note = note.and_then(|note| Text::try_new(&note).ok());
        // What is owed is what the refusal says is missing.
        if let Err(crate::Rejection::PaymentShort { missing }) = submit(&books, &submission, &mut Pasts::new(), noon()) {
            let by_card = card.min(missing.get());
            let Payment::Card { reference, brand, last4, .. } = self::submission(0).payments.swap_remove(0) else { unreachable!() };
            submission.payments.push(Payment::Card { amount: amount(by_card), reference, brand, last4, payment: None });
            if by_card < missing.get() {
                submission.payments.push(cash(missing.get() - by_card + over));
            }
        }
        (books, submission)
    }
}
