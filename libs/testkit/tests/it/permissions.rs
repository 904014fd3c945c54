//! Every route, called by every role, in its own store, in another one and at another merchant. The routes are those of the
//! OpenAPI document: one that does not say what it needs, or that is not called here, fails.

use std::{fmt::Write as _, fs, path::PathBuf};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tillstream_domain::{
    id::{RegisterId, StoreId, UserId},
    identity::{Grant, Need, Permission, Place, Rights, Role},
};
use tillstream_testkit::{NEXT_DOOR, SHOP, Shop};
use uuid::Uuid;

/// An operation of the document.
#[derive(Clone, Debug)]
struct Operation {
    id: String,
    method: String,
    path: String,
    /// What it needs; none if every caller may, each for themselves.
    permission: Option<Permission>,
    /// Where it needs it.
    place: String,
    /// Whether it is for people who are not known yet.
    anonymous: bool,
}

/// Every operation of the document.
fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(tillstream_edge::document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let said = |name: &str| {
                operation[name].as_str().unwrap_or_else(|| panic!("{method} {path} does not say its {name}")).to_owned()
            };
            let permission = said("x-permission");
            all.push(Operation {
                id: said("operationId"),
                method: method.to_uppercase(),
                path: path.clone(),
                permission: (permission != "none").then(|| permission.parse().unwrap()),
                place: said("x-place"),
                anonymous: operation["security"].as_array().is_some_and(|needs| needs[0] == json!({})),
            });
        }
    }
    all
}

/// A store with a register, and a sale of it.
#[derive(Clone, Copy, Debug)]
struct Spot {
    store: StoreId,
    register: RegisterId,
    sale: Uuid,
    /// A shift of the register.
    shift: Uuid,
    /// A parked basket of the store.
    basket: Uuid,
    /// A cashier of the store, another for each operation.
    user: UserId,
}

/// Who calls.
struct Caller {
    name: &'static str,
    token: String,
    rights: Rights,
    /// Not of the merchant whose things are named.
    foreign: bool,
}

/// The request for an operation at a spot.
fn request(operation: &Operation, spot: Spot) -> (String, Option<Value>) {
    if let Some(request) = at_the_counter(operation, spot) {
        return request;
    }
    let Spot { store, register, sale, user, .. } = spot;
    let path = |given: String| (given, None);
    let of_user = |body: Option<Value>| (operation.path.replace("{id}", &user.to_string()), body);
    match operation.id.as_str() {
        "list_sales" => path(format!("/v1/sales?store={store}")),
        "show_sale" | "show_receipt" | "show_command" => path(operation.path.replace("{id}", &sale.to_string())),
        "list_stock_levels" => path(format!("/v1/stock/levels?store={store}")),
        "list_products" | "list_registers" | "follow_events" | "list_sessions" | "sign_out" | "list_keys"
        | "list_tills" | "list_till_users" | "renew_certificate" | "show_merchant" | "list_stores" | "list_users"
        | "list_audit" | "export_audit" => path(operation.path.clone()),
        "invite_till" | "revoke_till" | "list_ticket_gaps" => {
            path(operation.path.replace("{id}", &register.to_string()))
        }
        "enrol_till" => (operation.path.clone(), Some(json!({"code": "", "public_key": ""}))),
        "sign_in_at_till" => (operation.path.clone(), Some(json!({"user": sale, "pin": "2580"}))),
        "approve" => {
            let body = json!({"permission": "stock.adjust", "command": sale, "approver": sale, "pin": "2580"});
            (operation.path.clone(), Some(body))
        }
        "set_pin" => (operation.path.replace("{id}", &sale.to_string()), Some(json!({"pin": "2580"}))),
        "adjust_stock" => {
            let line = json!({"product": SHOP.product("tea"), "delta": "1"});
            (operation.path.clone(), Some(json!({"store": store, "reason": "found", "lines": [line]})))
        }
        "sign_in" => {
            let body = json!({"email": "nobody@example.com", "password": "not a password of anybody"});
            (operation.path.clone(), Some(body))
        }
        "set_password" => {
            let body = json!({"current": "not a password of anybody", "password": "nor is this, of course"});
            (operation.path.replace("{id}", &user.to_string()), Some(body))
        }
        "redeem_invitation" => {
            (operation.path.clone(), Some(json!({"code": "none", "password": "a phrase that is long enough"})))
        }
        "refresh_session" => (operation.path.clone(), Some(json!({"refresh_token": "none"}))),
        "sign_user_out" => path(operation.path.replace("{id}", &user.to_string())),
        "make_key" => {
            let body = json!({"name": "Web shop", "scopes": ["catalogue.read"], "stores": [store]});
            (operation.path.clone(), Some(body))
        }
        "revoke_key" => (operation.path.replace("{id}", &sale.to_string()), Some(json!({}))),
        "change_merchant" => (operation.path.clone(), Some(json!({"name": "Another"}))),
        "add_store" => (operation.path.clone(), Some(json!({"name": format!("Beside {store}")}))),
        "change_store" => (operation.path.replace("{id}", &store.to_string()), Some(json!({"name": "Another"}))),
        "add_register" => (operation.path.clone(), Some(json!({"store": store, "code": "X1"}))),
        "add_user" => (operation.path.clone(), Some(json!({"name": "Lou", "grants": [cashier(store)]}))),
        "change_user" => of_user(Some(json!({"name": "Lou"}))),
        "set_grants" => of_user(Some(json!({"grants": [cashier(store)]}))),
        "show_user" | "export_user" | "deactivate_user" | "invite_user" | "erase_user" => of_user(None),
        _ => shift_request(operation, spot),
    }
}

/// The same, about shifts.
fn shift_request(operation: &Operation, Spot { store, register, shift, .. }: Spot) -> (String, Option<Value>) {
    let here = |more: Value| {
        let mut body = json!({"store": store, "register": register});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (operation.path.replace("{id}", &shift.to_string()), Some(body))
    };
    match operation.id.as_str() {
        "open_shift" => here(json!({"float": 0})),
        "use_drawer" => here(json!({"use": "cash_in", "amount": 1, "reason": "change"})),
        "count_shift" => here(json!({"tenders": []})),
        "end_shift" | "close_shift" => here(json!({})),
        "list_shifts" => (format!("/v1/shifts?store={store}"), None),
        "show_shift_of_register" => (operation.path.replace("{id}", &register.to_string()), None),
        "show_shift" | "list_drawer_events" => (operation.path.replace("{id}", &shift.to_string()), None),
        other => panic!("nobody calls {other} here: say how"),
    }
}

/// The same, if it is about selling.
fn at_the_counter(operation: &Operation, spot: Spot) -> Option<(String, Option<Value>)> {
    let Spot { store, register, sale, basket, .. } = spot;
    let path = |given: String| (given, None);
    Some(match operation.id.as_str() {
        "report_sales" | "export_sales_report" => {
            path(format!("{}?by=store&from=2026-01-01&until=2027-01-01&store={store}", operation.path))
        }
        "submit_sale" => {
            let line = json!({"product": SHOP.product("tea"), "quantity": "1"});
            let payment = json!({"method": "cash", "tendered": 500});
            let body = json!({"store": store, "register": register, "currency": "EUR", "lines": [line], "payments": [payment]});
            ("/v1/sales".to_owned(), Some(body))
        }
        "list_promotions" | "list_price_lists" => path(operation.path.clone()),
        "put_promotion" => {
            let body = json!({"id": sale, "name": "Offer", "effect": {"percent": "10"}});
            (operation.path.replace("{id}", &sale.to_string()), Some(body))
        }
        "put_price_list" => {
            (operation.path.replace("{id}", &sale.to_string()), Some(json!({"id": sale, "name": "Summer"})))
        }
        "end_promotion" | "end_price_list" | "show_card_payment" => {
            path(operation.path.replace("{id}", &sale.to_string()))
        }
        "set_prices" => {
            let prices = json!({"prices": [{"product": SHOP.product("tea"), "unit_price": 1}]});
            (operation.path.replace("{id}", &sale.to_string()), Some(prices))
        }
        "quote" => {
            let line = json!({"product": SHOP.product("tea"), "quantity": "1"});
            (operation.path.clone(), Some(json!({"store": store, "currency": "EUR", "lines": [line]})))
        }
        "show_account" | "list_account_entries" => (operation.path.replace("{id}", &sale.to_string()), None),
        "look_up_gift_card" => (operation.path.clone(), Some(json!({"number": "BCDF-ZBTK-LMNP-QRST"}))),
        "issue_gift_card" | "issue_store_credit" => {
            (operation.path.clone(), Some(json!({"store": store, "amount": 1})))
        }
        "reload_account" | "transfer_balance" => {
            let more = if operation.id == "reload_account" { json!({"amount": 1}) } else { json!({"to": register}) };
            let mut body = json!({"store": store});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            (operation.path.replace("{id}", &sale.to_string()), Some(body))
        }
        "list_baskets" => path(format!("/v1/baskets?store={store}")),
        "show_basket" => path(operation.path.replace("{id}", &basket.to_string())),
        "park_basket" => {
            let line = json!({"product": SHOP.product("tea"), "quantity": "1"});
            let draft = json!({"currency": "EUR", "lines": [line]});
            let body = json!({"store": store, "register": register, "name": "Table 4", "draft": draft});
            (operation.path.clone(), Some(body))
        }
        "take_basket" | "drop_basket" => {
            let body = json!({"store": store, "register": register});
            (operation.path.replace("{id}", &basket.to_string()), Some(body))
        }
        "start_card_payment" => {
            let body = json!({"store": store, "register": register, "terminal": "T1", "amount": 1, "currency": "EUR"});
            (operation.path.clone(), Some(body))
        }
        "list_card_payments" => path(format!("/v1/card-payments?store={store}")),
        "cancel_card_payment" => (operation.path.replace("{id}", &sale.to_string()), Some(json!({"store": store}))),
        _ => return of_customers(operation, spot),
    })
}

/// The same, if it is about customers.
fn of_customers(operation: &Operation, spot: Spot) -> Option<(String, Option<Value>)> {
    let Spot { store, register, sale, .. } = spot;
    let of = |body: Option<Value>| (operation.path.replace("{id}", &sale.to_string()), body);
    Some(match operation.id.as_str() {
        "list_customers"
        | "list_customer_groups"
        | "show_loyalty_rule"
        | "show_customer"
        | "list_customer_sales"
        | "list_customer_accounts"
        | "export_customer"
        | "erase_customer"
        | "end_customer_group"
        | "end_loyalty_rule" => of(None),
        "add_customer" | "change_customer" => of(Some(json!({"profile": {"name": "Anna"}}))),
        "merge_customers" => of(Some(json!({"into": register}))),
        "put_customer_group" => of(Some(json!({"name": "Regulars"}))),
        "put_house_account" => of(Some(json!({"store": store, "limit": 1}))),
        "pay_account" => of(Some(json!({"store": store, "register": register, "amount": 1, "tender": "cash"}))),
        "redeem_points" => of(Some(json!({"store": store, "points": 1}))),
        "put_loyalty_rule" => of(Some(json!({"points": 1, "per": 100, "worth": 1}))),
        "void_sale" => {
            let body = json!({"store": store, "register": register});
            (operation.path.replace("{id}", &sale.to_string()), Some(body))
        }
        _ => return None,
    })
}

fn cashier(store: StoreId) -> Value {
    json!({"role": "cashier", "store": store})
}

/// What a caller is answered, as far as permissions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is done, or refused for a reason that has nothing to do with who asks.
    Allowed,
    /// 403.
    Forbidden,
    /// 404, as if it were not there.
    Absent,
}

fn expected(operation: &Operation, caller: &Caller, spot: Spot) -> Verdict {
    let Some(permission) = operation.permission else {
        // One's own: the sales of this test are the operator's.
        let sees_all = caller.rights.may(Need::new(Permission::ReadAudit, Place::Merchant)) && !caller.foreign;
        // It is another's.
        if operation.id == "set_password" {
            return Verdict::Forbidden;
        }
        // Their tokens are of no session.
        return if operation.id == "sign_out" || operation.id == "show_command" && !sees_all {
            Verdict::Absent
        } else {
            Verdict::Allowed
        };
    };
    let may = |place| caller.rights.may(Need::new(permission, place));
    let (allowed, hidden) = match operation.place.as_str() {
        "merchant" => (may(Place::Merchant), false),
        // Who may do this somewhere is told by the worker whether they may do it to this user, or with these grants.
        "anywhere" if operation.id == "add_user" => (may(Place::Store(spot.store)), false),
        "anywhere" => (may(Place::Anywhere), false),
        "store" => (may(Place::Store(spot.store)), false),
        "register" => (may(Place::Register(spot.store, spot.register)), false),
        "user" if operation.method != "GET" => (may(Place::Store(spot.store)), false),
        "user" | "document" => (may(Place::Store(spot.store)) && !caller.foreign, may(Place::Anywhere)),
        other => panic!("{}: {other} is no place", operation.id),
    };
    match (allowed, hidden) {
        (true, _) => Verdict::Allowed,
        (false, true) => Verdict::Absent,
        (false, false) => Verdict::Forbidden,
    }
}

async fn callers(shop: &Shop, here: StoreId, there: StoreId) -> Vec<Caller> {
    let mut callers = Vec::new();
    let places = [("everywhere", None), ("here", Some(here)), ("there", Some(there))];
    for role in Role::ALL {
        for (at, store) in places {
            let grants = [Grant { role, store }];
            let token = shop.token_for(SHOP, shop.hire(SHOP, &grants).await, &grants);
            let name = format!("{} {at}", role.name()).leak();
            callers.push(Caller { name, token, rights: Rights::of_grants(&grants), foreign: false });
        }
    }
    let nobody = shop.token_for(SHOP, shop.hire(SHOP, &[]).await, &[]);
    callers.push(Caller { name: "nobody", token: nobody, rights: Rights::default(), foreign: false });
    let grants = [Grant { role: Role::Owner, store: None }];
    let token = shop.token_for(NEXT_DOOR, shop.hire(NEXT_DOOR, &grants).await, &grants);
    callers.push(Caller { name: "owner next door", token, rights: Rights::of_grants(&grants), foreign: true });
    callers
}

/// A second store of [`SHOP`], with a register.
async fn another_store(shop: &Shop) -> (StoreId, RegisterId) {
    let (store, register) = (StoreId::new(shop.ids.next()), RegisterId::new(shop.ids.next()));
    let merchant = SHOP.merchant().uuid();
    sqlx::query("insert into catalog.stores values ($1, $2, 'Side Street')")
        .bind(merchant)
        .bind(store.uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    sqlx::query("insert into catalog.registers values ($1, $2, $3, 'S1')")
        .bind(merchant)
        .bind(register.uuid())
        .bind(store.uuid())
        .execute(&shop.pool)
        .await
        .unwrap();
    (store, register)
}

async fn spot(shop: &Shop, store: StoreId, register: RegisterId) -> Spot {
    let mut basket = shop.basket(&[("espresso", "1")]);
    (basket["store"], basket["register"]) = (json!(store), json!(register));
    let sale = shop.ids.next();
    let sold = shop.selling(sale, &basket).header("prefer", "wait=20, until=receipt").send().await;
    assert_eq!(sold.status, StatusCode::CREATED, "{sold:?}");
    let shift = shop.ids.next();
    let opening = shop.call("POST", "/v1/shifts").header("idempotency-key", &shift.to_string());
    let opened = opening.json(&json!({"store": store, "register": register, "float": 0})).send().await;
    assert_eq!(opened.status, StatusCode::CREATED, "{opened:?}");
    let basket = shop.ids.next();
    let draft = json!({"currency": "EUR", "lines": [{"product": SHOP.product("tea"), "quantity": "1"}]});
    let parking = shop.call("POST", "/v1/baskets").header("idempotency-key", &basket.to_string());
    let parking = parking.json(&json!({"store": store, "register": register, "name": "Table 4", "draft": draft}));
    let parked = parking.send().await;
    assert_eq!(parked.status, StatusCode::CREATED, "{parked:?}");
    card_payment(shop, sale, (store, register)).await;
    Spot { store, register, sale, shift, basket, user: UserId::new(Uuid::nil()) }
}

/// A card payment that is over, under the id of a sale.
async fn card_payment(shop: &Shop, id: Uuid, (store, register): (StoreId, RegisterId)) {
    sqlx::query(
        "insert into sales.card_payments (merchant_id, payment_id, store_id, register_id, terminal, amount, currency, state,
           cancelling, given_back, unmatched, started_at, changed_at, since)
         values ($1, $2, $3, $4, 'T1', 1, 'EUR', 'declined', false, false, false, now(), now(), now())",
    )
    .bind(SHOP.merchant().uuid())
    .bind(id)
    .bind(store.uuid())
    .bind(register.uuid())
    .execute(&shop.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn every_route_does_what_the_matrix_says_for_every_role() {
    let shop = Shop::open().await;
    let (other_store, other_register) = another_store(&shop).await;
    let here = spot(&shop, SHOP.store(), SHOP.register(1)).await;
    let there = spot(&shop, other_store, other_register).await;
    let callers = callers(&shop, here.store, there.store).await;
    let mut wrong = Vec::new();
    for operation in operations() {
        for spot in [here, there] {
            let user = shop.hire(SHOP, &[Grant { role: Role::Cashier, store: Some(spot.store) }]).await;
            let spot = Spot { user, ..spot };
            let (path, body) = request(&operation, spot);
            for caller in &callers {
                let mut call = shop.anonymous(&operation.method, &path).bearer(&caller.token);
                if operation.method != "GET" {
                    let key = shop.ids.next().to_string();
                    call = call.header("idempotency-key", &key).header("if-match", "\"1\"");
                }
                if let Some(body) = &body {
                    call = call.json(body);
                }
                let status = call.status().await;
                let found = match status {
                    StatusCode::FORBIDDEN => Verdict::Forbidden,
                    StatusCode::NOT_FOUND if ["document", "own", "user"].contains(&operation.place.as_str()) => {
                        Verdict::Absent
                    }
                    _ => Verdict::Allowed,
                };
                let of_own = ["add_store", "add_customer", "change_merchant"].contains(&operation.id.as_str());
                let harmless = !caller.foreign || !status.is_success() || operation.method == "GET" || of_own;
                if found != expected(&operation, caller, spot) || status.is_server_error() || !harmless {
                    wrong.push(format!("{} {path} by {}: {status}", operation.method, caller.name));
                }
            }
            let stranger =
                shop.anonymous(&operation.method, &path).header("idempotency-key", &shop.ids.next().to_string());
            let status = stranger.status().await;
            if (status == StatusCode::UNAUTHORIZED) == operation.anonymous {
                wrong.push(format!("{} {path} by a stranger: {status}", operation.method));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn nothing_of_one_merchant_is_seen_by_another() {
    let shop = Shop::open().await;
    let here = spot(&shop, SHOP.store(), SHOP.register(1)).await;
    let names = [SHOP.merchant().to_string(), here.store.to_string(), here.sale.to_string(), here.register.to_string()];
    for operation in
        operations().iter().filter(|operation| operation.method == "GET" && operation.id != "follow_events")
    {
        for path in [request(operation, here).0, operation.path.clone()] {
            let answer = shop.get_as(NEXT_DOOR, &path).await;
            let told = names.iter().find(|name| !path.contains(*name) && answer.text.contains(*name));
            assert_eq!(told, None, "{path}: {answer:?}");
        }
    }
}

/// The matrix of routes and roles as people read it.
fn table() -> String {
    let mut text = "# Who may do what\n\nMade from the code by `libs/testkit/tests/it/permissions.rs`. A role counts in one store, or in all of a merchant; \
                    *merchant* means that the role must count in all stores. *user* means that all that the user is must be for the role to govern: a manager governs the cashiers of their stores. A till by itself may what `till` says, in its own store. \
                    What a role may not can be approved with the PIN of somebody who may, for one command, where the permission is marked ✎.\n\n\
                    | request | permission | where | owner | manager | cashier | auditor | till |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for operation in operations() {
        let Operation { method, path, permission, place, anonymous, .. } = operation;
        let Some(permission) = permission else {
            let who = if anonymous { "everybody" } else { "each their own" };
            writeln!(text, "| `{method} {path}` | – | {place} | {who} | | | | |").unwrap();
            continue;
        };
        let mark = if permission.is_approvable() { " ✎" } else { "" };
        let cells: Vec<_> = Role::ALL
            .map(|role| role.permissions().contains(permission))
            .into_iter()
            .chain([Rights::TILL.contains(permission)])
            .map(|may| if may { "yes" } else { "" })
            .collect();
        writeln!(text, "| `{method} {path}` | `{permission}`{mark} | {place} | {} |", cells.join(" | ")).unwrap();
    }
    text
}

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions.md")
}

#[test]
fn the_page_on_permissions_is_true() {
    let write = "cargo test -p tillstream-testkit --test it -- --ignored write_the_page_on_permissions";
    assert_eq!(fs::read_to_string(page()).unwrap(), table(), "write it anew: {write}");
}

#[test]
#[ignore = "writes docs/permissions.md"]
fn write_the_page_on_permissions() {
    fs::write(page(), table()).unwrap();
}
