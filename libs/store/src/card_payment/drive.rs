//! What whoever asks the provider needs: which payments are due, and which of its captures are not in the books.

use sqlx::PgConnection;
use tillstream_domain::{
    card_payment::{Order, State},
    id::{CardPaymentId, MerchantId, RegisterId, StoreId},
    money::{Amount, Currency},
    text::Text,
};
use uuid::Uuid;

use crate::Error;

/// A card payment that its provider is to be asked about.
#[derive(Clone, Debug)]
pub struct Due {
    /// Whose it is.
    pub merchant: MerchantId,
    /// Which.
    pub payment: CardPaymentId,
    /// Where, and of how much.
    pub order: Order,
    /// How far it has come.
    pub state: State,
    /// Whether it is to be undone.
    pub cancelling: bool,
    /// Whether money was taken.
    pub taken: bool,
    /// How often it was asked about with this time: the first time it is to be started.
    pub asked: u32,
    /// How long ago the till asked for it, in milliseconds.
    pub age_ms: u64,
}

impl Due {
    /// Whether money that was taken is to be given back.
    #[must_use]
    pub const fn refunds(&self) -> bool {
        self.cancelling && self.taken
    }
}

/// Takes up to `limit` payments that are due. Nobody else takes them for `lease_ms`.
///
/// This is committed before the provider hears of it, so that nothing is ever started twice.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn claim(conn: &mut PgConnection, limit: i64, lease_ms: u32) -> Result<Vec<Due>, Error> {
    let rows = sqlx::query!(
        r#"update sales.card_payments p
           set asked = least(p.asked, 1000000) + 1, due_at = now() + make_interval(secs => $2::double precision / 1000)
           from (select merchant_id, payment_id from sales.card_payments where due_at <= now()
                 order by due_at limit $1 for update skip locked) due
           where p.merchant_id = due.merchant_id and p.payment_id = due.payment_id
           returning p.merchant_id, p.payment_id, p.store_id, p.register_id, p.terminal, p.amount, p.currency, p.state,
             p.cancelling, p.taken_amount is not null as "taken!", p.asked,
             (extract(epoch from now() - p.since) * 1000)::bigint as "age_ms!""#,
        limit,
        f64::from(lease_ms)
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let invalid = |error| Error::stored("card payment", &error);
            Ok(Due {
                merchant: MerchantId::new(row.merchant_id),
                payment: CardPaymentId::new(row.payment_id),
                order: Order {
                    store: StoreId::new(row.store_id),
                    register: RegisterId::new(row.register_id),
                    terminal: Text::try_new(&row.terminal).map_err(invalid)?,
                    amount: Amount::try_new(row.amount).map_err(invalid)?,
                    currency: Currency::try_new(&row.currency).map_err(invalid)?,
                },
                state: row.state.parse().map_err(invalid)?,
                cancelling: row.cancelling,
                taken: row.taken,
                asked: u32::try_from(row.asked).unwrap_or(u32::MAX),
                age_ms: u64::try_from(row.age_ms).unwrap_or(0),
            })
        })
        .collect()
}

/// Puts off the next time that a claimed payment is due, unless it has become due meanwhile.
///
/// # Errors
/// When the statement fails.
pub async fn postpone(conn: &mut PgConnection, due: &Due, by_ms: u32) -> Result<(), Error> {
    sqlx::query!(
        "update sales.card_payments set due_at = now() + make_interval(secs => $3::double precision / 1000)
         where merchant_id = $1 and payment_id = $2 and asked = $4 and due_at > now()",
        due.merchant.uuid(),
        due.payment.uuid(),
        f64::from(by_ms),
        i32::try_from(due.asked).unwrap_or(i32::MAX)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the provider says of money that it took.
#[derive(Clone, Copy, Debug)]
pub struct Capture {
    /// For whom.
    pub merchant: MerchantId,
    /// By which payment.
    pub payment: CardPaymentId,
    /// How much, and in which currency; none if it has given it back.
    pub held: Option<(Amount, Currency)>,
}

/// A capture of which the books say something else.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Its place in what was asked about.
    pub place: usize,
    /// Whether its merchant is known.
    pub of_merchant: bool,
    /// Whether its payment is in the books.
    pub in_books: bool,
}

/// Which of `captures` are not in the books, or there with another amount or as if the money were there. What is not in the
/// books and was given back is no difference.
///
/// # Errors
/// When the statement fails.
pub async fn differing(conn: &mut PgConnection, captures: &[Capture]) -> Result<Vec<Difference>, Error> {
    let merchants: Vec<Uuid> = captures.iter().map(|capture| capture.merchant.uuid()).collect();
    let payments: Vec<Uuid> = captures.iter().map(|capture| capture.payment.uuid()).collect();
    let (amounts, currencies): (Vec<Option<i64>>, Vec<Option<String>>) = captures
        .iter()
        .map(|capture| capture.held.map(|(amount, currency)| (amount.get(), currency.to_string())).unzip())
        .unzip();
    let rows = sqlx::query!(
        r#"select wanted.place as "place!", m.merchant_id is not null as "of_merchant!",
             p.payment_id is not null as "in_books!"
           from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[]) with ordinality
             as wanted (merchant_id, payment_id, amount, currency, place)
           left join catalog.merchants m on m.merchant_id = wanted.merchant_id
           left join sales.card_payments p
             on p.merchant_id = wanted.merchant_id and p.payment_id = wanted.payment_id
           where case when wanted.amount is null then not p.given_back
             else (p.taken_amount, p.taken_currency) is distinct from (wanted.amount, wanted.currency) end
           order by wanted.place"#,
        &merchants,
        &payments,
        &amounts as &[Option<i64>],
        &currencies as &[Option<String>]
    )
    .fetch_all(conn)
    .await?;
    let difference = |place: i64, of_merchant, in_books| {
        Some(Difference { place: usize::try_from(place - 1).ok()?, of_merchant, in_books })
    };
    Ok(rows.into_iter().filter_map(|row| difference(row.place, row.of_merchant, row.in_books)).collect())
}
