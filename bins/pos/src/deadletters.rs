//! `pos deadletters`: what could not take effect, and what becomes of it.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use tillstream_bus::Bus;
use tillstream_contract::{Batch, Envelope, Message, customer, dead::DeadLetter, identity, receipt, sale, stock};

use crate::{console::out, operator::Place};

/// Letters asked for at a time.
const PAGE: usize = 100;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead letters, the oldest first
    List {
        #[command(flatten)]
        place: Place,
        /// Begin at this number
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        from: u64,
        /// Show no more than this
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: usize,
    },
    /// Show a dead letter with all that is in it, as JSON
    Show {
        #[command(flatten)]
        place: Place,
        /// Its number
        number: u64,
    },
    /// Send a dead letter back to where it came from, mended or as it is; what took effect meanwhile does not again
    Redrive {
        #[command(flatten)]
        place: Place,
        /// Its number
        number: u64,
        /// Send this body in place of its own: JSON, as `show` shows it under "body"
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
    },
    /// Drop a dead letter for good
    Drop {
        #[command(flatten)]
        place: Place,
        /// Its number
        number: u64,
    },
}

pub(crate) async fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { place, from, limit } => list(&place.connect().await?, from, limit).await,
        Command::Show { place, number } => {
            let letter = place.connect().await?.dead_letter(number).await?;
            out!("{:#}", as_json(number, &letter));
            Ok(())
        }
        Command::Redrive { place, number, body } => redrive(&place.connect().await?, number, body).await,
        Command::Drop { place, number } => {
            let bus = place.connect().await?;
            let letter = bus.dead_letter(number).await?;
            bus.drop_letter(number).await?;
            out!("dropped dead letter {number} for good: {}", summary(&letter));
            Ok(())
        }
    }
}

async fn list(bus: &Bus, from: u64, limit: usize) -> anyhow::Result<()> {
    let (mut next, mut shown) = (from, 0);
    while shown < limit {
        let page = bus.dead_letters(next, PAGE.min(limit - shown)).await?;
        let Some((last, _)) = page.last() else { break };
        next = last + 1;
        for (number, letter) in &page {
            out!("{number:>6}  {}  {}", letter.at, summary(letter));
            out!("        {} (tried {} times)", letter.reason, letter.attempts);
        }
        shown += page.len();
    }
    match shown {
        0 => out!("no dead letters"),
        _ if shown == limit => out!("{shown} shown; more with --from {next}"),
        _ => out!("{shown} in all; `pos deadletters show NUMBER` shows what is in one"),
    }
    Ok(())
}

async fn redrive(bus: &Bus, number: u64, body: Option<PathBuf>) -> anyhow::Result<()> {
    let letter = bus.dead_letter(number).await?;
    let Some(path) = body else {
        bus.redrive(number, None).await?;
        out!("sent dead letter {number} to {} again as it was: {}", letter.subject, summary(&letter));
        return Ok(());
    };
    let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let envelope = mend(&letter, &text).with_context(|| format!("put {} into dead letter {number}", path.display()))?;
    let id = envelope.id;
    bus.redrive(number, Some(Batch { envelopes: vec![envelope] }.encode())).await?;
    out!(
        "sent dead letter {number} to {} again with the body of {}; its id is still {id}",
        letter.subject,
        path.display()
    );
    Ok(())
}

/// The letter's one envelope with another body. Its id stays, so that it takes effect once, and so does the fingerprint
/// of what the client asked for, so that the client's repetition is known for what it is.
fn mend(letter: &DeadLetter, body: &[u8]) -> anyhow::Result<Envelope> {
    let batch = Batch::decode(&letter.payload)
        .context("it holds no envelope whose body could be replaced; drop it and submit anew")?;
    let count = batch.envelopes.len();
    let Ok([envelope]) = <[Envelope; 1]>::try_from(batch.envelopes) else {
        bail!("it holds {count} envelopes, and a body can replace that of one only");
    };
    let body = replaced_body(&envelope, body).with_context(|| format!("read it as the body of {:?}", envelope.kind))?;
    Ok(Envelope { body: body.into(), ..envelope })
}

fn summary(letter: &DeadLetter) -> String {
    match Batch::decode(&letter.payload) {
        Ok(batch) => {
            let each: Vec<_> =
                batch.envelopes.iter().map(|e| format!("{} {} of merchant {}", e.kind, e.id, e.merchant)).collect();
            format!("{}: {}", letter.worker, each.join(", "))
        }
        Err(_) => format!("{}: {} bytes that are no message of ours", letter.worker, letter.payload.len()),
    }
}

fn as_json(number: u64, letter: &DeadLetter) -> Value {
    let mut shown = json!({
        "number": number,
        "worker": letter.worker,
        "subject": letter.subject,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "at": letter.at,
    });
    match Batch::decode(&letter.payload) {
        Ok(batch) => shown["envelopes"] = batch.envelopes.iter().map(envelope_as_json).collect(),
        Err(error) => {
            shown["payload_hex"] = hex::encode(&letter.payload).into();
            shown["payload_problem"] = tillstream_runtime::health::describe(&error).into();
        }
    }
    shown
}

fn envelope_as_json(envelope: &Envelope) -> Value {
    let mut shown = json!({
        "id": envelope.id,
        "kind": envelope.kind,
        "merchant": envelope.merchant,
        "actor": envelope.actor,
        "till": envelope.till,
        "approval": envelope.approval,
        "at": envelope.at,
        "trace": envelope.trace,
        "fingerprint": envelope.fingerprint.map(|fingerprint| hex::encode(fingerprint.as_slice())),
    });
    match shown_body(envelope) {
        Ok(body) => shown["body"] = body,
        Err(error) => {
            // Of a body about people that cannot be read, nobody can tell where its hashes are.
            if !envelope.kind.starts_with("identity.") {
                shown["body_hex"] = hex::encode(&envelope.body).into();
            }
            shown["body_problem"] = format!("{error:#}").into();
        }
    }
    shown
}

/// What nobody is shown, in bodies about people: hashes, by which passwords, PINs and codes could be guessed.
const WITHHELD: [&str; 4] = ["password", "pin", "hash", "code_hash"];

/// How bodies of every kind that a worker takes, and so may give up, and of those that it makes, are shown and read. Each
/// enum is matched in full, so that none of its kinds can be left out.
macro_rules! kinds {
    ($($module:ident::$message:ident { $($variant:ident = $kind:literal),+ $(,)? })+) => {
        /// Every kind that is known here.
        #[cfg(test)]
        const KINDS: &[&str] = &[$($($kind),+),+];

        /// The body as JSON, with all that is in it.
        fn whole_body(envelope: &Envelope) -> anyhow::Result<Value> {
            Ok(match envelope.kind.as_str() {
                $($($kind)|+ => match envelope.open()? {
                    $($module::$message::$variant(body) => serde_json::to_value(body)?),+
                },)+
                kind => bail!("message kind {kind:?} is not known to this version"),
            })
        }

        /// A body of that kind as it is sent, from JSON.
        fn packed_body(kind: &str, body: Value) -> anyhow::Result<Vec<u8>> {
            Ok(match kind {
                $($($kind => $module::$message::$variant(serde_json::from_value(body)?).encode(),)+)+
                _ => bail!("message kind {kind:?} is not known to this version"),
            })
        }
    };
}

kinds! {
    sale::Command {
        Submit = "sale.submit.v1",
        Void = "sale.void.v1",
        PutPromotion = "sale.put_promotion.v1",
        EndPromotion = "sale.end_promotion.v1",
        PutPriceList = "sale.put_price_list.v1",
        EndPriceList = "sale.end_price_list.v1",
        SetPrices = "sale.set_prices.v1",
        OpenShift = "sale.open_shift.v1",
        UseDrawer = "sale.use_drawer.v1",
        EndShift = "sale.end_shift.v1",
        CountShift = "sale.count_shift.v1",
        CloseShift = "sale.close_shift.v1",
        IssueGiftCard = "sale.issue_gift_card.v1",
        IssueStoreCredit = "sale.issue_store_credit.v1",
        ReloadAccount = "sale.reload_account.v1",
        TransferBalance = "sale.transfer_balance.v1",
        ParkBasket = "sale.park_basket.v1",
        TakeBasket = "sale.take_basket.v1",
        DropBasket = "sale.drop_basket.v1",
        StartCardPayment = "sale.start_card_payment.v1",
        CancelCardPayment = "sale.cancel_card_payment.v1",
        SettleCardPayment = "sale.settle_card_payment.v1",
        PutHouseAccount = "sale.put_house_account.v1",
        PayAccount = "sale.pay_account.v1",
        PutLoyaltyRule = "sale.put_loyalty_rule.v1",
        EndLoyaltyRule = "sale.end_loyalty_rule.v1",
        RedeemPoints = "sale.redeem_points.v1",
    }
    sale::Event {
        Recorded = "sale.recorded.v1",
        PromotionChanged = "sale.promotion_changed.v1",
        PriceListChanged = "sale.price_list_changed.v1",
        ShiftOpened = "sale.shift_opened.v1",
        DrawerUsed = "sale.drawer_used.v1",
        ShiftEnded = "sale.shift_ended.v1",
        ShiftCounted = "sale.shift_counted.v1",
        ShiftClosed = "sale.shift_closed.v1",
        AccountIssued = "sale.account_issued.v1",
        AccountReloaded = "sale.account_reloaded.v1",
        BalanceTransferred = "sale.balance_transferred.v1",
        BasketParked = "sale.basket_parked.v1",
        BasketTaken = "sale.basket_taken.v1",
        BasketDropped = "sale.basket_dropped.v1",
        CardPaymentChanged = "sale.card_payment_changed.v1",
        HouseAccountPut = "sale.house_account_put.v1",
        AccountPaid = "sale.account_paid.v1",
        LoyaltyRuleChanged = "sale.loyalty_rule_changed.v1",
        PointsRedeemed = "sale.points_redeemed.v1",
    }
    stock::Command { Adjust = "stock.adjust.v1" }
    stock::Event { Moved = "stock.moved.v1" }
    receipt::Event { Issued = "receipt.issued.v1" }
    identity::Command {
        OpenMerchant = "identity.open_merchant.v1",
        ChangeMerchant = "identity.change_merchant.v1",
        AddStore = "identity.add_store.v1",
        ChangeStore = "identity.change_store.v1",
        AddRegister = "identity.add_register.v1",
        AddUser = "identity.add_user.v1",
        MakeKey = "identity.make_key.v1",
        RevokeKey = "identity.revoke_key.v1",
        SetPassword = "identity.set_password.v1",
        SignIn = "identity.sign_in.v1",
        SetPin = "identity.set_pin.v1",
        InviteTill = "identity.invite_till.v1",
        EnrolTill = "identity.enrol_till.v1",
        RevokeTill = "identity.revoke_till.v1",
        ChangeUser = "identity.change_user.v1",
        SetGrants = "identity.set_grants.v1",
        InviteUser = "identity.invite_user.v1",
        DeactivateUser = "identity.deactivate_user.v1",
        EraseUser = "identity.erase_user.v1",
    }
    customer::Command {
        AddCustomer = "customer.add_customer.v1",
        ChangeCustomer = "customer.change_customer.v1",
        EraseCustomer = "customer.erase_customer.v1",
        MergeCustomers = "customer.merge_customers.v1",
        PutGroup = "customer.put_group.v1",
        EndGroup = "customer.end_group.v1",
    }
    customer::Event {
        CustomerChanged = "customer.customer_changed.v1",
        CustomersMerged = "customer.customers_merged.v1",
        GroupChanged = "customer.group_changed.v1",
    }
    identity::Event {
        MerchantChanged = "identity.merchant_changed.v1",
        StoreChanged = "identity.store_changed.v1",
        RegisterChanged = "identity.register_changed.v1",
        UserChanged = "identity.user_changed.v1",
        KeyChanged = "identity.key_changed.v1",
        TillChanged = "identity.till_changed.v1",
    }
}

/// The body as it is shown.
fn shown_body(envelope: &Envelope) -> anyhow::Result<Value> {
    let mut body = whole_body(envelope)?;
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| !WITHHELD.contains(&name.as_str()));
    }
    Ok(body)
}

/// A body in place of the envelope's own. What is not shown stays as it is, unless the new body has another.
fn replaced_body(envelope: &Envelope, text: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(text)?;
    // A body that cannot be read has nothing to keep.
    if let (Some(fields), Ok(Value::Object(own))) = (body.as_object_mut(), whole_body(envelope)) {
        for (name, value) in own.into_iter().filter(|(name, _)| WITHHELD.contains(&name.as_str())) {
            fields.entry(name).or_insert(value);
        }
    }
    packed_body(&envelope.kind, body)
}

#[cfg(test)]
mod tests {
    use tillstream_contract::schema;

    use super::*;
    use crate::demo::Owner;

    fn letter() -> DeadLetter {
        let body = format!(
            r#"{{"store":"{}","reason":"found","lines":[{{"product":"{}","delta":"1"}}]}}"#,
            Owner::Cafe.store(),
            Owner::Cafe.product(1)
        );
        letter_of("stock.adjust.v1", &body)
    }

    fn letter_of(kind: &str, body: &str) -> DeadLetter {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let envelope = Envelope {
            id: Owner::Cafe.product(7).uuid(),
            kind: kind.to_owned(),
            merchant: Owner::Cafe.merchant(),
            actor: "operator".to_owned(),
            till: None,
            approval: None,
            fingerprint: None,
            at,
            origin: None,
            trace: None,
            reply: None,
            body: packed_body(kind, serde_json::from_str(body).unwrap()).unwrap().into(),
        };
        let payload = Batch { envelopes: vec![envelope] }.encode().to_vec().into();
        let (worker, subject, reason) = ("stock".to_owned(), "cmd.stock.0".to_owned(), "why".to_owned());
        DeadLetter { worker, subject, reason, attempts: 3, at, payload }
    }

    #[test]
    fn a_body_is_shown_as_json_and_taken_back_as_shown() {
        let letter = letter();
        let mut body = as_json(1, &letter)["envelopes"][0]["body"].clone();
        assert_eq!(body["lines"][0]["delta"], "1");
        body["lines"][0]["delta"] = "2".into();
        let mended = mend(&letter, body.to_string().as_bytes()).unwrap();
        assert_eq!(mended.id, Owner::Cafe.product(7).uuid());
        assert_eq!(envelope_as_json(&mended)["body"], body);
        assert!(mend(&letter, b"{}").is_err());
    }

    #[test]
    fn what_is_no_message_is_shown_as_bytes() {
        let letter = DeadLetter { payload: vec![0xc1].into(), ..letter() };
        assert_eq!(as_json(1, &letter)["payload_hex"], "c1");
        assert!(mend(&letter, b"{}").is_err());
    }
    #[test]
    fn every_kind_that_goes_over_the_bus_is_known() {
        let published = [schema::commands(), schema::events()].concat();
        let mut published: Vec<_> = published.iter().map(schema::Published::name).collect();
        let mut known = KINDS.to_vec();
        published.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, published);
    }

    #[test]
    fn hashes_about_people_are_not_shown_and_stay_when_the_rest_is_mended() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        let code = vec![7; 32];
        let user = Owner::Cafe.product(3);
        let body = json!({"user": user, "password": hash, "code_hash": code});
        let letter = letter_of("identity.set_password.v1", &body.to_string());
        let shown = as_json(1, &letter);
        assert_eq!(shown["envelopes"][0]["body"], json!({"user": user}), "{shown}");
        assert!(!shown.to_string().contains("argon2") && !shown.to_string().contains(&hex::encode(&code)), "{shown}");

        let other = json!({"user": Owner::Cafe.product(4)});
        let mended = mend(&letter, other.to_string().as_bytes()).unwrap();
        assert_eq!(whole_body(&mended).unwrap(), json!({"user": other["user"], "password": hash, "code_hash": code}));

        let mut unreadable = Batch::decode(&letter.payload).unwrap().envelopes.remove(0);
        unreadable.body.pop();
        let shown = envelope_as_json(&unreadable);
        assert!(shown.get("body").is_none() && shown.get("body_hex").is_none(), "{shown}");
        assert!(shown["body_problem"].is_string(), "{shown}");
    }
}
