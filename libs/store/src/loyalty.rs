//! What customers collect points by.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use tillstream_domain::{id::MerchantId, loyalty::Rule, money::Amount};
use uuid::Uuid;

use crate::{Error, price::Versioned};

/// The rules of merchants, those that have ended too.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn rules(
    conn: &mut PgConnection,
    merchants: &BTreeSet<MerchantId>,
) -> Result<BTreeMap<MerchantId, Versioned<Rule>>, Error> {
    if merchants.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<Uuid> = merchants.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        "select merchant_id, points, per, worth, version, ended from sales.loyalty_rules where merchant_id = any($1)",
        &ids
    )
    .fetch_all(conn)
    .await?;
    let amount = |units| Amount::try_new(units).map_err(|error| Error::stored("loyalty rule", &error));
    rows.into_iter()
        .map(|row| {
            let rule = Rule::try_new(amount(row.points)?, amount(row.per)?, amount(row.worth)?)
                .map_err(|error| Error::stored("loyalty rule", &error))?;
            let version = u32::try_from(row.version).map_err(|error| Error::stored("loyalty rule", &error))?;
            Ok((MerchantId::new(row.merchant_id), Versioned { what: rule, version, ended: row.ended }))
        })
        .collect()
}

/// Saves rules.
///
/// # Errors
/// When the statement fails.
pub async fn save(conn: &mut PgConnection, rules: &BTreeMap<MerchantId, Versioned<Rule>>) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let merchants: Vec<Uuid> = rules.keys().map(|id| id.uuid()).collect();
    let column = |of: fn(&Rule) -> Amount| -> Vec<i64> { rules.values().map(|rule| of(&rule.what).get()).collect() };
    let versions: Vec<i32> =
        rules.values().map(|rule| i32::try_from(rule.version).expect("nothing changes 2^31 times")).collect();
    let ended: Vec<bool> = rules.values().map(|rule| rule.ended).collect();
    sqlx::query!(
        "insert into sales.loyalty_rules (merchant_id, points, per, worth, version, ended)
         select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::boolean[])
         on conflict (merchant_id) do update set points = excluded.points, per = excluded.per, worth = excluded.worth,
           version = excluded.version, ended = excluded.ended",
        &merchants,
        &column(Rule::points),
        &column(Rule::per),
        &column(Rule::worth),
        &versions,
        &ended
    )
    .execute(conn)
    .await?;
    Ok(())
}
