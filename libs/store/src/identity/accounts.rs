//! What the edge looks up to find out who calls.

use sqlx::PgConnection;
use tillstream_domain::{
    id::{MerchantId, StoreId, UserId},
    identity::{Email, Grant, Role, SecretHash},
    time::Timestamp,
};

use crate::{Error, read};

/// Somebody who signs in by a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// At which merchant.
    pub merchant: MerchantId,
    /// Who.
    pub user: UserId,
    /// The hash of their password.
    pub password: SecretHash,
}

/// The accounts of an e-mail address that are in use: one for each merchant, eight at the most. For the edge, before it
/// knows the merchant.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn accounts(conn: &mut PgConnection, email: &Email) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query!(
        r#"select merchant_id as "merchant!", user_id as "user!", password as "password!" from identity.password_of($1)"#,
        email.as_str()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Account {
                merchant: MerchantId::new(row.merchant),
                user: UserId::new(row.user),
                password: row.password.try_into().map_err(|error| Error::stored("user", &error))?,
            })
        })
        .collect()
}

/// Whose one-time code for a password has this hash, and until when it is good, if it was not used. It stays known until the
/// next is made.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn invited(
    conn: &mut PgConnection,
    code_hash: [u8; 32],
) -> Result<Option<((MerchantId, UserId), Option<Timestamp>)>, Error> {
    let row = sqlx::query!(
        r#"select merchant_id as "merchant!", user_id as "user!", code_until as until from identity.user_of($1)"#,
        &code_hash[..]
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(((MerchantId::new(row.merchant), UserId::new(row.user)), row.until.map(read).transpose()?)))
        .transpose()
}

/// A user as the edge may see them, who has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// With which they sign in.
    pub email: Option<Email>,
    /// What they are.
    pub grants: Vec<Grant>,
}

/// A user with what they are now, if there is one who has not ended.
///
/// # Errors
/// When a statement fails or a row can't be read.
pub async fn active(conn: &mut PgConnection, merchant: MerchantId, user: UserId) -> Result<Option<Active>, Error> {
    let rows = sqlx::query!(
        r#"select u.email, g.role as "role?", g.store_id as "store?" from identity.users u
           left join identity.grants g
             on g.merchant_id = u.merchant_id and g.user_id = u.user_id and g.ended_at is null
           where u.merchant_id = $1 and u.user_id = $2 and u.ended_at is null
           order by g.role, g.store_id"#,
        merchant.uuid(),
        user.uuid()
    )
    .fetch_all(conn)
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let email = first.email.clone().map(Email::try_from).transpose().map_err(|error| Error::stored("user", &error))?;
    let grants = rows.into_iter().filter_map(|row| Some((row.role?, row.store)));
    let grants = grants.map(|(role, store)| {
        let role: Role = role.parse().map_err(|error| Error::stored("grant", &error))?;
        Ok::<_, Error>(Grant { role, store: store.map(StoreId::new) })
    });
    Ok(Some(Active { email, grants: grants.collect::<Result<_, _>>()? }))
}

/// What a merchant is called, for the edge in the merchant's name.
///
/// # Errors
/// When the statement fails.
pub async fn merchant_name(conn: &mut PgConnection, merchant: MerchantId) -> Result<Option<String>, Error> {
    let name = sqlx::query_scalar!("select name from catalog.merchants where merchant_id = $1", merchant.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(name)
}

/// The hash of the password of a user who has one and has not ended.
///
/// # Errors
/// When the statement fails or a row can't be read.
pub async fn password(
    conn: &mut PgConnection,
    merchant: MerchantId,
    user: UserId,
    email: &Email,
) -> Result<Option<SecretHash>, Error> {
    let found = accounts(conn, email).await?;
    Ok(found.into_iter().find(|of| (of.merchant, of.user) == (merchant, user)).map(|of| of.password))
}
