//! What each role may do. The migrations grant it; here it is said once more, so that a grant that somebody has made by hand
//! shows.

use std::collections::BTreeSet;

use super::Privilege;

/// Tables, and what a role may do with them.
pub type Grant = (&'static [&'static str], &'static [&'static str]);

const CATALOG: &[&str] =
    &["catalog.merchants", "catalog.stores", "catalog.registers", "catalog.tax_categories", "catalog.products"];
/// Of these all but the identity worker see some columns only, and none with a secret.
const IDENTITY: &[&str] = &["identity.users", "identity.grants", "identity.tills", "identity.keys"];
const ACCOUNTS: &[&str] = &["sales.accounts", "sales.account_entries"];
/// Customers, and by what they are found.
const CUSTOMERS: &[&str] = &["sales.customers", "sales.customer_groups", "sales.loyalty_rules"];
const SHIFTS: &[&str] = &["sales.drawers", "sales.shifts", "sales.drawer_events"];
/// What prices depend on.
const PRICES: &[&str] = &["catalog.price_books", "catalog.promotions", "catalog.price_lists"];
const READ: &[&str] = &["select"];
const ADD: &[&str] = &["select", "insert"];
const KEEP: &[&str] = &["select", "insert", "update"];
const ALL: &[&str] = &["select", "insert", "update", "delete"];

/// What each part's role may do, role by role.
pub const GRANTS: [(&str, &[Grant]); 5] = [
    (
        "tillstream_edge",
        &[
            (CATALOG, READ),
            (IDENTITY, READ),
            (
                &[
                    "inbox.messages",
                    "sales.sales",
                    "sales.reversals",
                    "sales.totals",
                    "sales.additions",
                    "sales.totals_so_far",
                    "stock.levels",
                    "receipts.receipts",
                ],
                READ,
            ),
            (SHIFTS, READ),
            (PRICES, READ),
            (&["catalog.prices"], READ),
            (ACCOUNTS, READ),
            (&["sales.baskets"], READ),
            (&["sales.card_payments"], READ),
            (CUSTOMERS, READ),
            (&["sales.customer_terms"], READ),
        ],
    ),
    (
        "tillstream_sales",
        &[
            (CATALOG, READ),
            (IDENTITY, READ),
            (&["inbox.messages", "sales.sales", "sales.shifts", "sales.drawer_events", "sales.account_entries"], ADD),
            (&["sales.drawers", "sales.reversals", "sales.totals", "sales.accounts", "sales.card_payments"], KEEP),
            (PRICES, KEEP),
            (CUSTOMERS, KEEP),
            (&["sales.customer_terms"], &["select", "insert", "delete"]),
            (&["catalog.prices"], ALL),
            (&["sales.additions", "sales.baskets"], ALL),
            (&["inbox.attempts"], ALL),
        ],
    ),
    (
        "tillstream_stock",
        &[
            (CATALOG, READ),
            (IDENTITY, READ),
            (&["inbox.messages", "stock.movements"], ADD),
            (&["stock.levels", "audit.rounds"], KEEP),
            (&["inbox.attempts"], ALL),
        ],
    ),
    (
        "tillstream_receipts",
        &[
            (&["inbox.messages", "receipts.receipts"], ADD),
            (&["receipts.series", "audit.rounds"], KEEP),
            (&["inbox.attempts"], ALL),
        ],
    ),
    (
        "tillstream_identity",
        &[
            (&["catalog.merchants", "catalog.stores", "catalog.registers"], KEEP),
            (IDENTITY, KEEP),
            (&["inbox.messages"], ADD),
            (&["inbox.attempts"], ALL),
        ],
    ),
];

/// The same, one by one.
#[must_use]
pub fn declared() -> BTreeSet<Privilege> {
    let each = GRANTS.iter().flat_map(|(role, grants)| grants.iter().map(move |grant| (role, grant)));
    each.flat_map(|(role, (tables, actions))| {
        tables.iter().flat_map(move |table| {
            actions.iter().map(move |action| Privilege {
                role: (*role).to_owned(),
                table: (*table).to_owned(),
                action: (*action).to_owned(),
            })
        })
    })
    .collect()
}
