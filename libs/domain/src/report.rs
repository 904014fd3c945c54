//! Reports: running totals of what was sold, by what it was, where, by whom and how it was paid.

use std::{fmt, ops::AddAssign, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    sale::{Kind, Sale},
};

/// What totals are kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The store: one total.
    Store,
    /// The register, by its id.
    Register,
    /// Who rang it up, by their id; those of nobody in particular under `none`.
    Cashier,
    /// Whose sales they are: the salesperson, or else the cashier.
    Salesperson,
    /// The product, by its id.
    Product,
    /// The product's own category when it was sold, by its id; products without one under `none`. What lies below a category
    /// is not counted in it.
    Category,
    /// The tender, by its kind.
    Tender,
    /// The tax rate, in percent.
    Tax,
    /// The promotion, by its id; what was taken off by hand under `manual`.
    Promotion,
}

impl Dimension {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Store,
        Self::Register,
        Self::Cashier,
        Self::Salesperson,
        Self::Product,
        Self::Category,
        Self::Tender,
        Self::Tax,
        Self::Promotion,
    ];

    /// The name, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Register => "register",
            Self::Cashier => "cashier",
            Self::Salesperson => "salesperson",
            Self::Product => "product",
            Self::Category => "category",
            Self::Tender => "tender",
            Self::Tax => "tax",
            Self::Promotion => "promotion",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dimension {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == name).ok_or(Invalid::Dimension)
    }
}

/// Totals: what does not concern a dimension is zero in it. They are wide enough for any number of the largest sales.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Sales and exchanges, less voided ones.
    pub sales: i128,
    /// Returns, less voided ones.
    pub returns: i128,
    /// Of products: thousandths of a unit that went out, less what came back.
    pub quantity: i128,
    /// Minor units: what was due, with tax where prices include it; of tenders what they paid; of taxes and of whole
    /// documents with tax.
    pub amount: i128,
    /// Minor units without tax, of whole documents and of taxes.
    pub net: i128,
    /// Minor units of tax, of whole documents and of taxes.
    pub tax: i128,
    /// Minor units that were taken off.
    pub discount: i128,
    /// Minor units of tips.
    pub tip: i128,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.sales += other.sales;
        self.returns += other.returns;
        self.quantity += other.quantity;
        self.amount += other.amount;
        self.net += other.net;
        self.tax += other.tax;
        self.discount += other.discount;
        self.tip += other.tip;
    }
}

/// What a document adds to the totals: nothing by practice.
#[must_use]
pub fn entries(sale: &Sale) -> Vec<(Dimension, String, Figures)> {
    if sale.kind == Kind::Training {
        return Vec::new();
    }
    let discount = |of: &crate::sale::Line| of.discounts.iter().map(|off| i128::from(off.amount.get())).sum::<i128>();
    let (sales, returns) = counts(sale);
    let whole = Figures {
        sales,
        returns,
        quantity: 0,
        amount: sale.total.get().into(),
        net: sale.net.get().into(),
        tax: sale.tax.get().into(),
        discount: sale.lines.iter().map(discount).sum(),
        tip: sale.tip.get().into(),
    };
    let person = |user: Option<crate::id::UserId>| user.map_or_else(|| "none".to_owned(), |user| user.to_string());
    let mut entries = vec![
        (Dimension::Store, String::new(), whole),
        (Dimension::Register, sale.seller.register.to_string(), whole),
        (Dimension::Cashier, person(sale.cashier), whole),
        (Dimension::Salesperson, person(sale.salesperson.or(sale.cashier)), whole),
    ];
    for line in &sale.lines {
        let off = discount(line);
        let amount = i128::from(line.amount.get()) - off;
        let quantity = line.quantity.thousandths().into();
        let figures = Figures { sales, returns, quantity, amount, discount: off, ..Figures::default() };
        entries.push((Dimension::Product, line.product.to_string(), figures));
        let category = line.category.map_or_else(|| "none".to_owned(), |category| category.to_string());
        entries.push((Dimension::Category, category, figures));
        for off in &line.discounts {
            let by = off.promotion.map_or_else(|| "manual".to_owned(), |promotion| promotion.to_string());
            let discount = off.amount.get().into();
            entries.push((Dimension::Promotion, by, Figures { sales, returns, discount, ..Figures::default() }));
        }
    }
    for group in &sale.taxes {
        let amount = group.gross.get().into();
        let (net, tax) = (group.net.get().into(), group.tax.get().into());
        entries.push((
            Dimension::Tax,
            group.rate.to_string(),
            Figures { sales, returns, amount, net, tax, ..Figures::default() },
        ));
    }
    // Change comes out of the cash that was tendered.
    let mut change = i128::from(sale.change.get());
    for payment in &sale.payments {
        let mut amount = i128::from(payment.amount().get());
        if payment.kind() == crate::tender::Kind::Cash {
            amount -= change;
            change = 0;
        }
        let figures = Figures { sales, returns, amount, ..Figures::default() };
        entries.push((Dimension::Tender, payment.kind().as_str().to_owned(), figures));
    }
    entries
}

/// How many sales and returns it is: a void takes away what it undoes.
fn counts(sale: &Sale) -> (i128, i128) {
    let some_back = sale.lines.iter().any(|line| line.quantity.thousandths() < 0);
    match sale.kind {
        Kind::Sale | Kind::Exchange => (1, 0),
        Kind::Return => (0, 1),
        // The lines of a void go the other way than those of what it undoes.
        Kind::Void if some_back => (-1, 0),
        Kind::Void => (0, -1),
        Kind::Training => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        sale::{Past, Pasts, Voiding, submit, void},
        shop::{self, noon},
    };

    fn sum(entries: &[(Dimension, String, Figures)], dimension: Dimension) -> Figures {
        let mut sum = Figures::default();
        entries.iter().filter(|(of, ..)| *of == dimension).for_each(|(.., figures)| sum += *figures);
        sum
    }

    #[test]
    fn a_sale_is_counted_in_every_dimension() {
        // 12.00, of which 2.00 by card and 10.00 in cash: espresso 5.00 at 19 %, beans 7.00 at 7 %.
        let entries = entries(&shop::sale(1));
        let of = |dimension: Dimension| {
            let of = entries.iter().filter(|(of, ..)| *of == dimension);
            of.map(|(_, key, figures)| (&**key, figures.amount, figures.tax)).collect::<Vec<_>>()
        };
        assert_eq!(of(Dimension::Store), [("", 1200, 126)]);
        assert_eq!(of(Dimension::Cashier), [("none", 1200, 126)]);
        assert_eq!(of(Dimension::Tax), [("7", 700, 46), ("19", 500, 80)]);
        assert_eq!(of(Dimension::Tender), [("card", 200, 0), ("cash", 1000, 0)]);
        assert_eq!(of(Dimension::Product).iter().map(|(_, amount, _)| *amount).collect::<Vec<_>>(), [500, 700]);
        let categories = of(Dimension::Category);
        assert_eq!(categories, [("none", 500, 0), (&*shop::GROCERIES.to_string(), 700, 0)]);
        assert!(of(Dimension::Promotion).is_empty());
    }

    #[test]
    fn names_are_read_as_written() {
        assert!(Dimension::ALL.iter().all(|dimension| dimension.as_str().parse() == Ok(*dimension)));
        assert_eq!("shop".parse::<Dimension>(), Err(Invalid::Dimension));
    }

    proptest! {
        /// The dimensions tell the same story, and a void takes it all back.
        #[test]
        fn dimensions_add_up((books, submission) in shop::any_sale()) {
            let sale = submit(&books, &submission, &mut Pasts::new(), noon()).unwrap();
            let sold = entries(&sale);
            let [whole, tenders, taxes, products, categories] =
                [Dimension::Store, Dimension::Tender, Dimension::Tax, Dimension::Product, Dimension::Category]
                    .map(|of| sum(&sold, of));
            prop_assert_eq!(whole.amount, i128::from(sale.total.get()));
            prop_assert_eq!(tenders.amount, whole.amount + whole.tip + i128::from(sale.cash_rounding.get()));
            prop_assert_eq!((taxes.amount, taxes.net, taxes.tax), (whole.amount, whole.net, whole.tax));
            let base = if sale.rules.mode == crate::tax::TaxMode::Included { whole.amount } else { whole.net };
            prop_assert_eq!((products.amount, products.discount), (base, whole.discount));
            prop_assert_eq!(categories, products);
            let voiding = Voiding {
                id: shop::sale_id(9), sale: sale.id, store: sale.seller.store, register: sale.seller.register,
                ticket: None, cashier: None, at: noon(), note: None,
            };
            let undone = void(Some(&mut Past::new(sale)), &voiding, None, noon()).unwrap();
            for dimension in Dimension::ALL {
                let mut both = sum(&sold, dimension);
                both += sum(&entries(&undone), dimension);
                if dimension != Dimension::Cashier {
                    prop_assert_eq!(both, Figures::default(), "{}", dimension);
                }
            }
        }
    }
}
