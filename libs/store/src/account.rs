//! Gift cards and store credit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tillstream_domain::{
    account::{Account, Entry, GiftCardNumber, Kind, Ledger},
    id::{AccountId, CommandId, CustomerId, MerchantId, SaleId},
    money::Amount,
    text::Note,
};
use uuid::Uuid;

use crate::{Error, read, stored};

/// What an account is known by.
pub type AccountKey = (MerchantId, AccountId);

/// What a batch of decisions needs to know.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Accounts, whether they exist or not.
    pub accounts: BTreeSet<AccountKey>,
    /// Numbers that may be taken.
    pub numbers: BTreeSet<(MerchantId, GiftCardNumber)>,
    /// Sales that may be undone. They are locked already, so that nothing is added to what they have changed.
    pub undone: BTreeSet<(MerchantId, SaleId)>,
}

/// The ledgers of `wanted`, their accounts locked in key order until the transaction ends.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn lock(conn: &mut PgConnection, wanted: &Wanted) -> Result<HashMap<MerchantId, Ledger>, Error> {
    let mut posted = posted(conn, &wanted.undone).await?;
    let theirs =
        posted.iter().flat_map(|(merchant, sales)| sales.values().flatten().map(|(account, _)| (*merchant, *account)));
    let keys: BTreeSet<AccountKey> = theirs.chain(wanted.accounts.iter().copied()).collect();
    let mut accounts = accounts(conn, &keys).await?;
    let mut numbers = numbers(conn, &wanted.numbers).await?;
    let merchants: BTreeSet<_> = keys
        .iter()
        .map(|(merchant, _)| *merchant)
        .chain(wanted.numbers.iter().map(|(merchant, _)| *merchant))
        .collect();
    let ledger = |merchant: MerchantId| {
        let accounts = accounts.remove(&merchant).unwrap_or_default();
        let numbers = numbers.remove(&merchant).unwrap_or_default();
        (merchant, Ledger::new(accounts, numbers, posted.remove(&merchant).unwrap_or_default()))
    };
    Ok(merchants.into_iter().map(ledger).collect())
}

type Posted = HashMap<MerchantId, HashMap<SaleId, Vec<(AccountId, Amount)>>>;

/// What sales have changed.
async fn posted(conn: &mut PgConnection, sales: &BTreeSet<(MerchantId, SaleId)>) -> Result<Posted, Error> {
    let mut found = Posted::new();
    if sales.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        sales.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query!(
        r#"select e.merchant_id, e.sale_id as "sale_id!", e.account_id, e.amount, a.kind, c.merged_into as "survivor?"
           from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, sale_id)
           join sales.account_entries e on e.merchant_id = wanted.merchant_id and e.sale_id = wanted.sale_id
           join sales.accounts a on a.merchant_id = e.merchant_id and a.account_id = e.account_id
           left join sales.customers c on c.merchant_id = a.merchant_id and c.customer_id = a.customer_id"#,
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let sales = found.entry(MerchantId::new(row.merchant_id)).or_default();
        let entries = sales.entry(SaleId::new(row.sale_id)).or_default();
        // What is on the accounts of who was merged is on the survivor's by now.
        let kind: Kind = row.kind.parse().map_err(|error| Error::stored("account", &error))?;
        let survivor = row.survivor.map(|id| kind.of_customer(CustomerId::new(id)));
        entries.push((survivor.unwrap_or(AccountId::new(row.account_id)), amount(row.amount)?));
    }
    Ok(found)
}

async fn accounts(
    conn: &mut PgConnection,
    keys: &BTreeSet<AccountKey>,
) -> Result<HashMap<MerchantId, Vec<Account>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        keys.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        "select a.merchant_id, a.account_id, a.kind, a.number, a.expires_at, a.customer_id, a.credit_limit, a.balance, a.entries
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, account_id)
         join sales.accounts a on a.merchant_id = wanted.merchant_id and a.account_id = wanted.account_id
         order by a.merchant_id, a.account_id for update of a",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        found.entry(MerchantId::new(row.merchant_id)).or_default().push(row.account()?);
    }
    Ok(found)
}

async fn numbers(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, GiftCardNumber)>,
) -> Result<HashMap<MerchantId, HashSet<GiftCardNumber>>, Error> {
    let mut found: HashMap<_, HashSet<_>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let (merchants, numbers): (Vec<Uuid>, Vec<String>) =
        wanted.iter().map(|(merchant, number)| (merchant.uuid(), number.as_str().to_owned())).unzip();
    let rows = sqlx::query!(
        r#"select a.merchant_id, a.number as "number!"
           from unnest($1::uuid[], $2::text[]) as wanted (merchant_id, number)
           join sales.accounts a on a.merchant_id = wanted.merchant_id and a.number = wanted.number"#,
        &merchants,
        &numbers
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        found.entry(MerchantId::new(row.merchant_id)).or_default().insert(number(&row.number)?);
    }
    Ok(found)
}

/// Saves what was added to ledgers: accounts that were opened, balances, entries, each in key order.
///
/// # Errors
/// When a statement fails.
pub async fn save(conn: &mut PgConnection, ledgers: &BTreeMap<MerchantId, Ledger>) -> Result<(), Error> {
    let (mut opened, mut changed, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (merchant, ledger) in ledgers {
        let (new, old) = ledger.changed();
        opened.extend(new.into_iter().map(|account| (*merchant, account)));
        changed.extend(old.into_iter().map(|account| (*merchant, account)));
        entries.extend(ledger.entries().iter().map(|entry| (*merchant, entry)));
    }
    open(conn, &opened).await?;
    update(conn, &changed).await?;
    append(conn, &entries).await
}

async fn open(conn: &mut PgConnection, accounts: &[(MerchantId, &Account)]) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        accounts.iter().map(|(merchant, account)| (merchant.uuid(), account.id.uuid())).unzip();
    let kinds: Vec<String> = accounts.iter().map(|(_, account)| account.kind.as_str().to_owned()).collect();
    let numbers: Vec<Option<String>> =
        accounts.iter().map(|(_, account)| Some(account.number.as_ref()?.as_str().to_owned())).collect();
    let ends = ends(accounts);
    let customers: Vec<Option<Uuid>> =
        accounts.iter().map(|(_, account)| account.customer.map(CustomerId::uuid)).collect();
    let (balances, entries) = sums(accounts);
    let limits = limits(accounts);
    sqlx::query!(
        "insert into sales.accounts
           (merchant_id, account_id, kind, number, expires_at, balance, entries, credit_limit, customer_id)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[],
           $7::integer[], $8::bigint[], $9::uuid[])",
        &merchants,
        &ids,
        &kinds,
        &numbers as &[Option<String>],
        &ends as &[Option<DateTime<Utc>>],
        &balances,
        &entries,
        &limits,
        &customers as &[Option<Uuid>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn update(conn: &mut PgConnection, accounts: &[(MerchantId, &Account)]) -> Result<(), Error> {
    if accounts.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        accounts.iter().map(|(merchant, account)| (merchant.uuid(), account.id.uuid())).unzip();
    let (balances, entries) = sums(accounts);
    let limits = limits(accounts);
    let ends = ends(accounts);
    sqlx::query!(
        "update sales.accounts a set balance = new.balance, entries = new.entries, credit_limit = new.credit_limit,
           expires_at = new.expires_at
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::bigint[], $6::timestamptz[])
           as new (merchant_id, account_id, balance, entries, credit_limit, expires_at)
         where a.merchant_id = new.merchant_id and a.account_id = new.account_id",
        &merchants,
        &ids,
        &balances,
        &entries,
        &limits,
        &ends as &[Option<DateTime<Utc>>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn sums(accounts: &[(MerchantId, &Account)]) -> (Vec<i64>, Vec<i32>) {
    accounts.iter().map(|(_, account)| (account.balance.get(), column(account.entries))).unzip()
}

fn ends(accounts: &[(MerchantId, &Account)]) -> Vec<Option<DateTime<Utc>>> {
    accounts.iter().map(|(_, account)| account.expires_at.map(stored)).collect()
}

fn limits(accounts: &[(MerchantId, &Account)]) -> Vec<i64> {
    accounts.iter().map(|(_, account)| account.limit.get()).collect()
}

fn column(number: u32) -> i32 {
    i32::try_from(number).expect("no account has 2^31 entries: each is a row")
}

async fn append(conn: &mut PgConnection, entries: &[(MerchantId, &Entry)]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        entries.iter().map(|(merchant, entry)| (merchant.uuid(), entry.account.uuid())).unzip();
    let numbers: Vec<i32> = entries.iter().map(|(_, entry)| column(entry.number)).collect();
    let amounts: Vec<i64> = entries.iter().map(|(_, entry)| entry.amount.get()).collect();
    let balances: Vec<i64> = entries.iter().map(|(_, entry)| entry.balance.get()).collect();
    let reasons: Vec<String> = entries.iter().map(|(_, entry)| entry.reason.as_str().to_owned()).collect();
    let commands: Vec<Uuid> = entries.iter().map(|(_, entry)| entry.command.uuid()).collect();
    let sales: Vec<Option<Uuid>> = entries.iter().map(|(_, entry)| entry.sale.map(SaleId::uuid)).collect();
    let notes: Vec<Option<String>> = entries.iter().map(|(_, entry)| Some(entry.note.as_ref()?.to_string())).collect();
    let times: Vec<_> = entries.iter().map(|(_, entry)| stored(entry.at)).collect();
    sqlx::query!(
        "insert into sales.account_entries
           (merchant_id, account_id, number, amount, balance, reason, command_id, sale_id, note, recorded_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::uuid[],
           $8::uuid[], $9::text[], $10::timestamptz[])",
        &merchants,
        &ids,
        &numbers,
        &amounts,
        &balances,
        &reasons,
        &commands,
        &sales as &[Option<Uuid>],
        &notes as &[Option<String>],
        &times
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The account `id`.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn find(conn: &mut PgConnection, merchant: MerchantId, id: AccountId) -> Result<Option<Account>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select merchant_id, account_id, kind, number, expires_at, customer_id, credit_limit, balance, entries
         from sales.accounts
         where merchant_id = $1 and account_id = $2",
        merchant.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::account).transpose()
}

/// A customer's own accounts, by kind.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn of_customer(
    conn: &mut PgConnection,
    merchant: MerchantId,
    customer: CustomerId,
) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "select merchant_id, account_id, kind, number, expires_at, customer_id, credit_limit, balance, entries
         from sales.accounts where merchant_id = $1 and customer_id = $2 order by kind",
        merchant.uuid(),
        customer.uuid()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::account).collect()
}

/// The gift card with this number.
///
/// # Errors
/// When the statement fails or the row can't be read.
pub async fn look_up(
    conn: &mut PgConnection,
    merchant: MerchantId,
    number: &GiftCardNumber,
) -> Result<Option<Account>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select merchant_id, account_id, kind, number, expires_at, customer_id, credit_limit, balance, entries
         from sales.accounts
         where merchant_id = $1 and number = $2",
        merchant.uuid(),
        number.as_str()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Row::account).transpose()
}

/// Up to `limit` entries of an account before the number `before`, the last first.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn entries(
    conn: &mut PgConnection,
    merchant: MerchantId,
    id: AccountId,
    before: Option<u32>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query!(
        "select number, amount, balance, reason, command_id, sale_id, note, recorded_at from sales.account_entries
         where merchant_id = $1 and account_id = $2 and ($3::bigint is null or number < $3)
         order by number desc limit $4",
        merchant.uuid(),
        id.uuid(),
        before.map(i64::from),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let note = row.note.as_deref().map(Note::try_new).transpose();
            Ok(Entry {
                account: id,
                number: count(row.number)?,
                amount: amount(row.amount)?,
                balance: amount(row.balance)?,
                reason: row.reason.parse().map_err(|error| Error::stored("entry of an account", &error))?,
                command: CommandId::new(row.command_id),
                sale: row.sale_id.map(SaleId::new),
                note: note.map_err(|error| Error::stored("entry of an account", &error))?,
                at: read(row.recorded_at)?,
            })
        })
        .collect()
}

struct Row {
    merchant_id: Uuid,
    account_id: Uuid,
    kind: String,
    number: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    customer_id: Option<Uuid>,
    credit_limit: i64,
    balance: i64,
    entries: i32,
}

impl Row {
    fn account(self) -> Result<Account, Error> {
        Ok(Account {
            id: AccountId::new(self.account_id),
            kind: self.kind.parse().map_err(|error| Error::stored("account", &error))?,
            number: self.number.as_deref().map(number).transpose()?,
            expires_at: self.expires_at.map(read).transpose()?,
            customer: self.customer_id.map(CustomerId::new),
            limit: amount(self.credit_limit)?,
            balance: amount(self.balance)?,
            entries: count(self.entries)?,
        })
    }
}

fn number(text: &str) -> Result<GiftCardNumber, Error> {
    GiftCardNumber::try_new(text).map_err(|error| Error::stored("account", &error))
}

fn amount(minor_units: i64) -> Result<Amount, Error> {
    Amount::try_new(minor_units).map_err(|error| Error::stored("account", &error))
}

fn count(number: i32) -> Result<u32, Error> {
    u32::try_from(number).map_err(|error| Error::stored("account", &error))
}
