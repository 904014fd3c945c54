//! What a decision needs to know of a merchant.

use std::{collections::HashMap, sync::Arc};

use crate::{
    id::{CategoryId, MerchantId, ProductId, RegisterId, StoreId},
    money::{Amount, Currency},
    pricing::{ListedPrice, PriceBook},
    tax::{Tax, TaxRules},
};

/// A merchant's standing data: all that a decision needs to know.
#[derive(Debug, Clone)]
pub struct Books {
    merchant: Merchant,
    stores: HashMap<StoreId, Store>,
    registers: HashMap<RegisterId, Register>,
    products: HashMap<ProductId, Product>,
    prices: Option<Arc<PriceBook>>,
}

/// Who sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The merchant.
    pub id: MerchantId,
    /// As printed on receipts.
    pub name: String,
    /// The currency of all prices and sales.
    pub currency: Currency,
    /// The rules of tax and rounding.
    pub rules: TaxRules,
}

/// Where it is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The store.
    pub id: StoreId,
    /// As printed on receipts.
    pub name: String,
}

/// A till of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The register.
    pub id: RegisterId,
    /// As printed on receipts.
    pub code: String,
    /// Where it stands.
    pub store: Store,
}

/// What can be sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The product.
    pub id: ProductId,
    /// The stock-keeping unit.
    pub sku: String,
    /// As printed on receipts.
    pub name: String,
    /// What one unit costs: net or gross by the merchant's rules.
    pub unit_price: Amount,
    /// The merchant's name for how it is taxed.
    pub tax_category: String,
    /// The tax of that category.
    pub tax: Tax,
    /// Its category in the catalogue, then those above.
    pub categories: Vec<CategoryId>,
    /// Whether it is weighed or measured.
    pub weighed: bool,
    /// Whether it is sold for what goes onto gift cards.
    pub stored_value: bool,
    /// What price lists ask for it.
    pub listed: Vec<ListedPrice>,
}

impl Product {
    /// Its category in the catalogue, if it has one.
    #[must_use]
    pub fn category(&self) -> Option<CategoryId> {
        self.categories.first().copied()
    }

    /// Whether the catalogue or one of its price lists asks this for one unit.
    #[must_use]
    pub fn asks(&self, unit_price: Amount) -> bool {
        self.unit_price == unit_price || self.listed.iter().any(|listed| listed.unit_price == unit_price)
    }
}

impl Books {
    /// Gathers a merchant's data. The stores of the registers need not be named again.
    pub fn new(
        merchant: Merchant,
        stores: impl IntoIterator<Item = Store>,
        registers: impl IntoIterator<Item = Register>,
        products: impl IntoIterator<Item = Product>,
    ) -> Self {
        let registers: HashMap<_, _> = registers.into_iter().map(|register| (register.id, register)).collect();
        let theirs = registers.values().map(|register| register.store.clone());
        Self {
            merchant,
            stores: theirs.chain(stores).map(|store| (store.id, store)).collect(),
            registers,
            products: products.into_iter().map(|product| (product.id, product)).collect(),
            prices: None,
        }
    }

    /// The same with price lists and promotions, and what lists ask for each product.
    #[must_use]
    pub fn with_prices(
        mut self,
        prices: Option<Arc<PriceBook>>,
        mut listed: impl FnMut(ProductId) -> Vec<ListedPrice>,
    ) -> Self {
        for product in self.products.values_mut() {
            product.listed = listed(product.id);
        }
        Self { prices, ..self }
    }

    /// The price lists and promotions, if there are any.
    #[must_use]
    pub fn prices(&self) -> Option<&PriceBook> {
        self.prices.as_deref()
    }

    /// Whose books these are.
    #[must_use]
    pub const fn merchant(&self) -> &Merchant {
        &self.merchant
    }

    /// The store with this id.
    #[must_use]
    pub fn store(&self, id: StoreId) -> Option<&Store> {
        self.stores.get(&id)
    }

    /// The register with this id.
    #[must_use]
    pub fn register(&self, id: RegisterId) -> Option<&Register> {
        self.registers.get(&id)
    }

    /// The product with this id.
    #[must_use]
    pub fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.get(&id)
    }
}
