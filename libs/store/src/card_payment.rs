//! Card payments at terminals.

mod drive;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tillstream_domain::{
    Invalid,
    card_payment::{CardPayment, Claim, Ledger, Order, State, Taken},
    id::{CardPaymentId, MerchantId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency},
    text::Text,
    time::Timestamp,
};
use uuid::Uuid;

pub use drive::{Capture, Difference, Due, claim, differing, postpone};

use crate::{Error, read, stored};

/// What a card payment is known by.
pub type CardPaymentKey = (MerchantId, CardPaymentId);

/// What a batch of decisions needs to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Card payments, whether they exist or not.
    pub payments: BTreeSet<CardPaymentKey>,
    /// Sales that may be undone. They are locked already, so that they take no other card payments.
    pub undone: BTreeSet<(MerchantId, SaleId)>,
}

/// The card payments of `wanted`, locked in key order until the transaction ends.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn lock(conn: &mut PgConnection, wanted: &Wanted) -> Result<HashMap<MerchantId, Ledger>, Error> {
    if wanted.payments.is_empty() && wanted.undone.is_empty() {
        return Ok(HashMap::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.payments.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let (sellers, sales): (Vec<Uuid>, Vec<Uuid>) =
        wanted.undone.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"with wanted as (
             select * from unnest($1::uuid[], $2::uuid[]) as named (merchant_id, payment_id)
             union
             select p.merchant_id, p.payment_id from unnest($3::uuid[], $4::uuid[]) as undone (merchant_id, sale_id)
             join sales.card_payments p on p.merchant_id = undone.merchant_id and p.sale_id = undone.sale_id)
           select p.merchant_id, p.payment_id, p.store_id, p.register_id, p.terminal, p.amount, p.currency, p.state,
             p.cancelling, p.taken_amount, p.taken_currency, p.reference, p.brand, p.last4, p.given_back, p.reason,
             p.sale_id, p.sale_amount, p.started_at, p.changed_at
           from wanted
           join sales.card_payments p on p.merchant_id = wanted.merchant_id and p.payment_id = wanted.payment_id
           order by p.merchant_id, p.payment_id for update of p"#,
        &merchants,
        &ids,
        &sellers,
        &sales
    )
    .fetch_all(conn)
    .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(row.payment()?);
    }
    Ok(found.into_iter().map(|(merchant, payments)| (merchant, Ledger::new(payments))).collect())
}

/// Saves payments that were started and those that have changed, each in key order. What is to be asked about is due at
/// once.
///
/// # Errors
/// When a statement fails.
pub async fn save(conn: &mut PgConnection, ledgers: &BTreeMap<MerchantId, Ledger>) -> Result<(), Error> {
    let (mut opened, mut changed) = (Vec::new(), Vec::new());
    for (merchant, ledger) in ledgers {
        let (new, old) = ledger.changed();
        opened.extend(new.into_iter().map(|payment| (*merchant, payment)));
        changed.extend(old.into_iter().map(|payment| (*merchant, payment)));
    }
    insert(conn, &opened).await?;
    update(conn, &changed).await
}

async fn insert(conn: &mut PgConnection, payments: &[(MerchantId, &CardPayment)]) -> Result<(), Error> {
    if payments.is_empty() {
        return Ok(());
    }
    let (merchants, ids) = keys(payments);
    let stores: Vec<Uuid> = payments.iter().map(|(_, payment)| payment.order.store.uuid()).collect();
    let registers: Vec<Uuid> = payments.iter().map(|(_, payment)| payment.order.register.uuid()).collect();
    let terminals: Vec<String> = payments.iter().map(|(_, payment)| payment.order.terminal.to_string()).collect();
    let amounts: Vec<i64> = payments.iter().map(|(_, payment)| payment.order.amount.get()).collect();
    let currencies: Vec<String> = payments.iter().map(|(_, payment)| payment.order.currency.to_string()).collect();
    let started: Vec<_> = payments.iter().map(|(_, payment)| stored(payment.started_at)).collect();
    let changed: Vec<_> = payments.iter().map(|(_, payment)| stored(payment.changed_at)).collect();
    sqlx::query!(
        "insert into sales.card_payments
           (merchant_id, payment_id, store_id, register_id, terminal, amount, currency, started_at, changed_at, since, state,
            cancelling, given_back, unmatched)
         select *, now() - (changed_at - started_at), '', false, false, false
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[],
           $8::timestamptz[], $9::timestamptz[])
           as new (merchant_id, payment_id, store_id, register_id, terminal, amount, currency, started_at, changed_at)",
        &merchants,
        &ids,
        &stores,
        &registers,
        &terminals,
        &amounts,
        &currencies,
        &started,
        &changed
    )
    .execute(&mut *conn)
    .await?;
    update(conn, payments).await
}

async fn update(conn: &mut PgConnection, payments: &[(MerchantId, &CardPayment)]) -> Result<(), Error> {
    if payments.is_empty() {
        return Ok(());
    }
    let (merchants, ids) = keys(payments);
    let states: Vec<String> = payments.iter().map(|(_, payment)| payment.state.as_str().to_owned()).collect();
    let cancelling: Vec<bool> = payments.iter().map(|(_, payment)| payment.cancelling).collect();
    let given_back: Vec<bool> = payments.iter().map(|(_, payment)| payment.given_back).collect();
    let unmatched: Vec<bool> = payments.iter().map(|(_, payment)| payment.is_unmatched()).collect();
    let open: Vec<bool> = payments.iter().map(|(_, payment)| payment.is_open()).collect();
    let changed: Vec<_> = payments.iter().map(|(_, payment)| stored(payment.changed_at)).collect();
    let reasons: Vec<Option<String>> =
        payments.iter().map(|(_, payment)| Some(payment.reason.as_ref()?.to_string())).collect();
    let (sales, shares): (Vec<Option<Uuid>>, Vec<Option<i64>>) = payments
        .iter()
        .map(|(_, payment)| payment.claim.map(|claim| (claim.sale.uuid(), claim.amount.get())).unzip())
        .unzip();
    let takings = Takings::of(payments);
    sqlx::query!(
        "update sales.card_payments p set state = new.state, cancelling = new.cancelling, given_back = new.given_back,
           unmatched = new.unmatched, changed_at = new.changed_at, reason = new.reason, sale_id = new.sale_id,
           sale_amount = new.sale_amount, taken_amount = new.taken_amount, taken_currency = new.taken_currency,
           reference = new.reference, brand = new.brand, last4 = new.last4, due_at = case when new.open then now() end
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bool[], $5::bool[], $6::bool[], $7::bool[],
           $8::timestamptz[], $9::text[], $10::uuid[], $11::bigint[], $12::bigint[], $13::text[], $14::text[],
           $15::text[], $16::text[])
           as new (merchant_id, payment_id, state, cancelling, given_back, unmatched, open, changed_at, reason, sale_id,
             sale_amount, taken_amount, taken_currency, reference, brand, last4)
         where p.merchant_id = new.merchant_id and p.payment_id = new.payment_id",
        &merchants,
        &ids,
        &states,
        &cancelling,
        &given_back,
        &unmatched,
        &open,
        &changed,
        &reasons as &[Option<String>],
        &sales as &[Option<Uuid>],
        &shares as &[Option<i64>],
        &takings.amounts as &[Option<i64>],
        &takings.currencies as &[Option<String>],
        &takings.references as &[Option<String>],
        &takings.brands as &[Option<String>],
        &takings.last4 as &[Option<String>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn keys(payments: &[(MerchantId, &CardPayment)]) -> (Vec<Uuid>, Vec<Uuid>) {
    payments.iter().map(|(merchant, payment)| (merchant.uuid(), payment.id.uuid())).unzip()
}

#[derive(Default)]
struct Takings {
    amounts: Vec<Option<i64>>,
    currencies: Vec<Option<String>>,
    references: Vec<Option<String>>,
    brands: Vec<Option<String>>,
    last4: Vec<Option<String>>,
}

impl Takings {
    fn of(payments: &[(MerchantId, &CardPayment)]) -> Self {
        let mut takings = Self::default();
        for (_, payment) in payments {
            let taken = payment.taken.as_ref();
            takings.amounts.push(taken.map(|taken| taken.amount.get()));
            takings.currencies.push(taken.map(|taken| taken.currency.to_string()));
            takings.references.push(taken.and_then(|taken| Some(taken.reference.as_ref()?.to_string())));
            takings.brands.push(taken.and_then(|taken| Some(taken.brand.as_ref()?.to_string())));
            takings.last4.push(taken.and_then(|taken| Some(taken.last4.as_ref()?.as_str().to_owned())));
        }
        takings
    }
}

/// The card payment `id`.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn find(
    conn: &mut PgConnection,
    merchant: MerchantId,
    id: CardPaymentId,
) -> Result<Option<CardPayment>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select merchant_id, payment_id, store_id, register_id, terminal, amount, currency, state, cancelling, taken_amount,
           taken_currency, reference, brand, last4, given_back, reason, sale_id, sale_amount, started_at, changed_at
         from sales.card_payments where merchant_id = $1 and payment_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::payment).transpose()
}

/// Which card payments to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of these stores alone.
    pub within: Option<BTreeSet<StoreId>>,
    /// In this state alone.
    pub state: Option<State>,
    /// Only those that somebody should look at.
    pub unmatched: bool,
}

/// Up to `limit` card payments that were started before `before`, newest first.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn page(
    conn: &mut PgConnection,
    merchant: MerchantId,
    filter: &Filter,
    before: Option<(Timestamp, CardPaymentId)>,
    limit: i64,
) -> Result<Vec<CardPayment>, Error> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(stored(at)), Some(id.uuid())));
    let within: Option<Vec<Uuid>> =
        filter.within.as_ref().map(|stores| stores.iter().map(|store| store.uuid()).collect());
    let rows = sqlx::query_as!(
        Row,
        "select merchant_id, payment_id, store_id, register_id, terminal, amount, currency, state, cancelling, taken_amount,
           taken_currency, reference, brand, last4, given_back, reason, sale_id, sale_amount, started_at, changed_at
         from sales.card_payments
         where merchant_id = $1
           and ($2::uuid[] is null or store_id = any($2))
           and ($3::text is null or state = $3)
           and (not $4 or unmatched)
           and ($5::timestamptz is null or (started_at, payment_id) < ($5, $6::uuid))
         order by started_at desc, payment_id desc limit $7",
        merchant.uuid(),
        within.as_deref(),
        filter.state.map(State::as_str),
        filter.unmatched,
        at,
        id,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::payment).collect()
}

struct Row {
    merchant_id: Uuid,
    payment_id: Uuid,
    store_id: Uuid,
    register_id: Uuid,
    terminal: String,
    amount: i64,
    currency: String,
    state: String,
    cancelling: bool,
    taken_amount: Option<i64>,
    taken_currency: Option<String>,
    reference: Option<String>,
    brand: Option<String>,
    last4: Option<String>,
    given_back: bool,
    reason: Option<String>,
    sale_id: Option<Uuid>,
    sale_amount: Option<i64>,
    started_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl Row {
    fn payment(self) -> Result<CardPayment, Error> {
        let (started_at, changed_at) = (read(self.started_at)?, read(self.changed_at)?);
        self.checked(started_at, changed_at).map_err(|error| Error::stored("card payment", &error))
    }

    fn checked(self, started_at: Timestamp, changed_at: Timestamp) -> Result<CardPayment, Invalid> {
        let taken = match (self.taken_amount, self.taken_currency) {
            (Some(amount), Some(currency)) => Some(Taken {
                amount: Amount::try_new(amount)?,
                currency: Currency::try_new(&currency)?,
                reference: text(self.reference.as_deref())?,
                brand: text(self.brand.as_deref())?,
                last4: self.last4.map(TryInto::try_into).transpose()?,
            }),
            _ => None,
        };
        let share = self.sale_amount.map(Amount::try_new).transpose()?;
        Ok(CardPayment {
            id: CardPaymentId::new(self.payment_id),
            order: Order {
                store: StoreId::new(self.store_id),
                register: RegisterId::new(self.register_id),
                terminal: Text::try_new(&self.terminal)?,
                amount: Amount::try_new(self.amount)?,
                currency: Currency::try_new(&self.currency)?,
            },
            state: self.state.parse()?,
            cancelling: self.cancelling,
            taken,
            given_back: self.given_back,
            reason: text(self.reason.as_deref())?,
            claim: self.sale_id.zip(share).map(|(sale, amount)| Claim { sale: SaleId::new(sale), amount }),
            started_at,
            changed_at,
        })
    }
}

fn text<const MAX: usize>(text: Option<&str>) -> Result<Option<Text<MAX>>, Invalid> {
    text.map(Text::try_new).transpose()
}
