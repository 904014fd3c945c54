//! Gift cards, store credit and other accounts.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tillstream_contract::{
    account::{Account, NewGiftCard, NewStoreCredit, Reload, Transfer, Transferred},
    sale::{Command, Event},
};
use tillstream_domain::{
    account::{self as domain, GiftCardNumber, Reason},
    id::{AccountId, CommandId, SaleId, StoreId},
    identity::{Need, Permission, Place},
    money::Amount,
    sale::Original,
    text::Note,
    time::Timestamp,
};
use tillstream_store::account;
use utoipa::ToSchema;

use super::{
    accepted,
    changes::{Refused, Request},
    created, private,
};
use crate::{
    Edge,
    body::Strict,
    caller::Caller,
    derive::Purpose,
    page::{Page, PageQuery},
    parameters::{Id, Params},
    problem::{Problem, ProblemDetails},
};

/// A gift card to give out.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GiftCardToIssue {
    /// Where it is given out.
    store: StoreId,
    /// What is put on it, in minor units: above zero.
    amount: Amount,
    /// What is printed on it; a number is made, if left out.
    #[serde(default)]
    number: Option<GiftCardNumber>,
    /// From when on it can not be spent; never, if left out.
    #[serde(default)]
    expires_at: Option<Timestamp>,
    /// The line of a sale of that store that paid for it.
    #[serde(default)]
    sold: Option<Original>,
    /// A remark of up to 500 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    note: Option<Note>,
}

/// A gift card, with its number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GiftCard {
    /// Its number, in groups of four. Whoever knows it may spend the card.
    #[schema(example = "BCDF-ZBTK-LMNP-QRST")]
    number: String,
    /// Its account.
    account: Account,
}

/// Gives out a gift card: an account whose id is the `Idempotency-Key`.
///
/// What a sale paid for takes no more than selling: sell the card on a line without tax, then name the line as `sold`. No
/// more goes onto cards than the line brought in, and what did does not come back as a return; a void of the sale takes it
/// from the card. Without `sold` it needs the permission `accounts.issue` or an approval. The number is shown here alone,
/// and again when the request is repeated.
#[utoipa::path(
    post,
    operation_id = "issue_gift_card",
    path = "/v1/gift-cards",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.issue")), ("x-place" = json!("store"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = GiftCardToIssue, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "amount": 2500,
        "note": "for the trouble",
    })),
    responses(
        (status = 201, description = "The gift card", body = GiftCard, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn issue_gift_card(
    request: Request,
    Strict(GiftCardToIssue { store, amount, number, expires_at, sold, note }): Strict<GiftCardToIssue>,
) -> Result<Response, Problem> {
    let number = number.unwrap_or_else(|| made(&request));
    let shown = number.reveal();
    let new = NewGiftCard { store, number, amount, expires_at, sold, note };
    let Some(Event::AccountIssued(issued)) = request.decide(Command::IssueGiftCard(new)).await? else {
        return Ok(accepted(request.id));
    };
    let card = GiftCard { number: shown, account: issued.account };
    Ok(private(created(&format!("/v1/accounts/{}", request.id), &card)))
}

/// A number that a repeated request has again.
fn made(request: &Request) -> GiftCardNumber {
    let secret = request.edge.0.derive.shown(Purpose::GiftCard, &request.caller, request.id);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&secret[..16]);
    GiftCardNumber::of_random(bytes)
}

/// A gift card to look up.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GiftCardToLookUp {
    /// What is printed on it.
    number: GiftCardNumber,
}

/// Looks up a gift card by its number, which stands in the body because addresses are logged.
#[utoipa::path(
    post,
    operation_id = "look_up_gift_card",
    path = "/v1/gift-cards/lookup",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.read")), ("x-place" = json!("anywhere"))),
    request_body(content = GiftCardToLookUp, example = json!({"number": "BCDF-ZBTK-LMNP-QRST"})),
    responses(
        (status = 200, description = "Its account", body = Account),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such gift card", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not declared as JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "That is no number of a gift card", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn look_up(
    State(edge): State<Edge>,
    caller: Caller,
    Strict(GiftCardToLookUp { number }): Strict<GiftCardToLookUp>,
) -> Result<Json<Account>, Problem> {
    caller.may(Need::new(Permission::ReadAccounts, Place::Anywhere))?;
    let merchant = caller.merchant();
    let found = edge.read(merchant, async |conn| account::look_up(conn, merchant, &number).await).await?;
    found.map(|account| Json(Account::of(&account, edge.0.clock.now()))).ok_or(Problem::NotFound("gift card"))
}

/// Gives out store credit that no return stands behind: an account whose id is the `Idempotency-Key`.
///
/// What is given back for a return needs no such request: a payment `store_credit` below zero opens the account that it
/// names, under an id that the till chooses.
#[utoipa::path(
    post,
    operation_id = "issue_store_credit",
    path = "/v1/store-credits",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.issue")), ("x-place" = json!("store"))),
    params(
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = NewStoreCredit, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "amount": 500,
        "note": "for the trouble",
    })),
    responses(
        (status = 201, description = "The account", body = Account, headers(("Location" = String))),
        Refused,
    ),
)]
pub(crate) async fn issue_store_credit(
    request: Request,
    Strict(new): Strict<NewStoreCredit>,
) -> Result<Response, Problem> {
    let Some(Event::AccountIssued(issued)) = request.decide(Command::IssueStoreCredit(new)).await? else {
        return Ok(accepted(request.id));
    };
    Ok(created(&format!("/v1/accounts/{}", request.id), &issued.account))
}

/// A gift card, store credit or an account of a customer's own, and what is on it.
#[utoipa::path(
    get,
    operation_id = "show_account",
    path = "/v1/accounts/{id}",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.read")), ("x-place" = json!("anywhere"))),
    params(("id" = Uuid, Path, description = "The account")),
    responses(
        (status = 200, description = "The account", body = Account),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<AccountId>,
) -> Result<Json<Account>, Problem> {
    caller.may(Need::new(Permission::ReadAccounts, Place::Anywhere))?;
    let merchant = caller.merchant();
    let found = edge.read(merchant, async |conn| account::find(conn, merchant, id).await).await?;
    found.map(|account| Json(Account::of(&account, edge.0.clock.now()))).ok_or(Problem::NotFound("account"))
}

/// What changed an account's balance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// Counts the account's entries from 1.
    number: u32,
    /// By how much, in minor units or points: above zero for what came in.
    amount: Amount,
    /// What was on the account then.
    balance: Amount,
    /// Why.
    reason: Reason,
    /// The command that brought it about.
    command: CommandId,
    /// The sale that it belongs to: which paid with it, or paid for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale: Option<SaleId>,
    /// Somebody's remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    note: Option<Note>,
    /// When it was decided on.
    at: Timestamp,
}

impl From<domain::Entry> for Entry {
    fn from(entry: domain::Entry) -> Self {
        let domain::Entry { account: _, number, amount, balance, reason, command, sale, note, at } = entry;
        Self { number, amount, balance, reason, command, sale, note, at }
    }
}

/// What changed an account's balance, the last first.
#[utoipa::path(
    get,
    operation_id = "list_account_entries",
    path = "/v1/accounts/{id}/entries",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.read")), ("x-place" = json!("anywhere"))),
    params(("id" = Uuid, Path, description = "The account"), PageQuery),
    responses(
        (status = 200, description = "One page of entries, the last first", body = Page<Entry>),
        (status = 400, description = "The request cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be read now", body = ProblemDetails, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn entries(
    State(edge): State<Edge>,
    caller: Caller,
    Id(id): Id<AccountId>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Entry>>, Problem> {
    caller.may(Need::new(Permission::ReadAccounts, Place::Anywhere))?;
    let merchant = caller.merchant();
    let limit = page.limit()?;
    let wrong = |_| Problem::BadParameter("after must be `next` of the page before".to_owned());
    let before = page.after.as_deref().map(str::parse).transpose().map_err(wrong)?;
    let rows = edge
        .read(merchant, async |conn| {
            let rows = account::entries(conn, merchant, id, before, limit + 1).await?;
            let exists = !rows.is_empty() || account::find(conn, merchant, id).await?.is_some();
            Ok(exists.then_some(rows))
        })
        .await?
        .ok_or(Problem::NotFound("account"))?;
    Ok(Json(Page::of(rows, limit, |entry| entry.number.to_string(), Entry::from)))
}

/// What to put on an account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AmountToReload {
    /// Where it is done.
    store: StoreId,
    /// How much, in minor units: above zero.
    amount: Amount,
    /// The line of a sale of that store that paid for it.
    #[serde(default)]
    sold: Option<Original>,
    /// A remark of up to 500 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    note: Option<Note>,
}

/// Puts more on a gift card or store credit: what a sale paid for (`sold`), or with the permission `accounts.issue`.
#[utoipa::path(
    post,
    operation_id = "reload_account",
    path = "/v1/accounts/{id}/reload",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.issue")), ("x-place" = json!("store"))),
    params(
        ("id" = Uuid, Path, description = "The account"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = AmountToReload, example = json!({
        "store": "cafe0000-0000-8000-8001-000000000001",
        "amount": 1000,
    })),
    responses(
        (status = 200, description = "The account as it stands since", body = Account),
        Refused,
    ),
)]
pub(crate) async fn reload(
    request: Request,
    Id(account): Id<AccountId>,
    Strict(AmountToReload { store, amount, sold, note }): Strict<AmountToReload>,
) -> Result<Response, Problem> {
    let new = Reload { account, store, amount, sold, note };
    let Some(Event::AccountReloaded(reloaded)) = request.decide(Command::ReloadAccount(new)).await? else {
        return Ok(accepted(request.id));
    };
    Ok((StatusCode::OK, Json(reloaded.account)).into_response())
}

/// Where what is on an account is to go.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BalanceToTransfer {
    /// To which account, of the same kind.
    to: AccountId,
    /// Where it is done.
    store: StoreId,
    /// How much, in minor units: above zero; all of it, if left out.
    #[serde(default)]
    amount: Option<Amount>,
    /// A remark of up to 500 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    note: Option<Note>,
}

/// Moves what is on an account, or a part of it, to another of its kind: of a card that was lost, or of several to one.
#[utoipa::path(
    post,
    operation_id = "transfer_balance",
    path = "/v1/accounts/{id}/transfer",
    tag = "accounts",
    extensions(("x-permission" = json!("accounts.issue")), ("x-place" = json!("store"))),
    params(
        ("id" = Uuid, Path, description = "The account from which it goes"),
        ("Idempotency-Key" = Uuid, Header, description = "A new UUID for a new request; the same one to repeat it"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`, `wait=SECONDS`"),
    ),
    request_body(content = BalanceToTransfer, example = json!({
        "to": "cafe0000-0000-8000-8009-000000000002",
        "store": "cafe0000-0000-8000-8001-000000000001",
        "amount": 1000,
    })),
    responses(
        (status = 200, description = "Both accounts as they stand since", body = Transferred),
        Refused,
    ),
)]
pub(crate) async fn transfer(
    request: Request,
    Id(from): Id<AccountId>,
    Strict(BalanceToTransfer { to, store, amount, note }): Strict<BalanceToTransfer>,
) -> Result<Response, Problem> {
    let new = Transfer { from, to, store, amount, note };
    let Some(Event::BalanceTransferred(transferred)) = request.decide(Command::TransferBalance(new)).await? else {
        return Ok(accepted(request.id));
    };
    Ok((StatusCode::OK, Json(transferred)).into_response())
}
