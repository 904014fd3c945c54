//! What has come back of sales.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tillstream_contract::sale::Sale;
use tillstream_domain::{
    id::{MerchantId, SaleId},
    money::Amount,
    quantity::Quantity,
    sale::{Past, Pasts, Returned, Reversal},
    tender::Kind,
};
use uuid::Uuid;

use crate::Error;

/// What has come back, as stored: quantities in thousandths, amounts in minor units.
#[derive(Default, Serialize, Deserialize)]
struct State {
    /// By line: how much, and what was given back for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    returned: BTreeMap<u16, (i64, Amount)>,
    /// By tender.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refunded: BTreeMap<Kind, Amount>,
    /// By line, what was put on gift cards for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    funded: BTreeMap<u16, Amount>,
    /// By tender, what an exchange may give back of what it did not take in itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    inherited: BTreeMap<Kind, Amount>,
}

/// The sales of `wanted` that there are, with what has come back of them, locked in key order until the transaction ends.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn lock(
    conn: &mut PgConnection,
    wanted: &BTreeSet<(MerchantId, SaleId)>,
) -> Result<HashMap<MerchantId, Pasts>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        wanted.iter().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    // Sales themselves never change, so what is locked has a row of its own.
    sqlx::query!(
        "insert into sales.reversals (merchant_id, sale_id, state)
         select s.merchant_id, s.sale_id, '{}' from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, sale_id)
         join sales.sales s on s.merchant_id = wanted.merchant_id and s.sale_id = wanted.sale_id
         order by s.merchant_id, s.sale_id on conflict do nothing",
        &merchants,
        &ids
    )
    .execute(&mut *conn)
    .await?;
    let rows = sqlx::query!(
        "select r.merchant_id, r.sale_id, r.voided_by, r.state, s.document
         from unnest($1::uuid[], $2::uuid[]) as wanted (merchant_id, sale_id)
         join sales.reversals r on r.merchant_id = wanted.merchant_id and r.sale_id = wanted.sale_id
         join sales.sales s on s.merchant_id = r.merchant_id and s.sale_id = r.sale_id
         order by r.merchant_id, r.sale_id for update of r",
        &merchants,
        &ids
    )
    .fetch_all(conn)
    .await?;
    let mut found: HashMap<MerchantId, Pasts> = HashMap::new();
    for row in rows {
        let sale: Sale = serde_json::from_str(&row.document).map_err(|error| Error::stored("sale", &error))?;
        let reversal = read(row.voided_by, &row.state)?;
        let pasts = found.entry(MerchantId::new(row.merchant_id)).or_default();
        pasts.insert(SaleId::new(row.sale_id), Past { sale: sale.into(), reversal });
    }
    Ok(found)
}

fn read(voided_by: Option<Uuid>, state: &str) -> Result<Reversal, Error> {
    let State { returned, refunded, funded, inherited } =
        serde_json::from_str(state).map_err(|error| Error::stored("reversal of a sale", &error))?;
    let returned = returned.into_iter().map(|(line, (thousandths, due))| {
        let quantity = Quantity::from_thousandths(thousandths).map_err(|error| Error::stored("reversal", &error))?;
        Ok((line, Returned { quantity, due }))
    });
    let returned = returned.collect::<Result<_, Error>>()?;
    Ok(Reversal { voided_by: voided_by.map(SaleId::new), returned, refunded, funded, inherited })
}

/// Saves what has come back of sales, in key order.
///
/// # Errors
/// When the statement fails.
pub async fn save(conn: &mut PgConnection, reversals: &BTreeMap<(MerchantId, SaleId), Reversal>) -> Result<(), Error> {
    if reversals.is_empty() {
        return Ok(());
    }
    let (merchants, ids): (Vec<Uuid>, Vec<Uuid>) =
        reversals.keys().map(|(merchant, id)| (merchant.uuid(), id.uuid())).unzip();
    let voided: Vec<Option<Uuid>> = reversals.values().map(|reversal| reversal.voided_by.map(SaleId::uuid)).collect();
    let states: Vec<String> = reversals.values().map(written).collect();
    sqlx::query!(
        "insert into sales.reversals (merchant_id, sale_id, voided_by, state)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])
         on conflict (merchant_id, sale_id) do update set voided_by = excluded.voided_by, state = excluded.state",
        &merchants,
        &ids,
        &voided as &[Option<Uuid>],
        &states
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn written(reversal: &Reversal) -> String {
    let returned = reversal.returned.iter().map(|(line, of)| (*line, (of.quantity.thousandths(), of.due))).collect();
    let Reversal { refunded, funded, inherited, .. } = reversal.clone();
    let state = State { returned, refunded, funded, inherited };
    serde_json::to_string(&state).expect("a reversal holds only integers and named tenders")
}
