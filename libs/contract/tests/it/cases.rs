//! The samples under `tests/golden`: for each version a folder, in it for each sample its JSON form and its MessagePack
//! in hexadecimal, named `<what>.<variant>.json` and `.hex`.

use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use tillstream_contract::{
    Answers, Batch, Envelope, Message, Outcome, account, basket, card_payment, customer, dead::DeadLetter, identity,
    loyalty, price, receipt, sale, schema::Published, shift, stock,
};

/// What there are samples of.
pub(crate) struct Case {
    /// The kind of message, or the name of a frame.
    pub(crate) name: &'static str,
    /// Encodes the value of a JSON text.
    pub(crate) encode: fn(&str) -> Vec<u8>,
    /// Whether bytes decode, and to the value of a JSON text.
    pub(crate) matches: fn(&str, &[u8]) -> Result<bool, String>,
    /// Decodes and encodes bytes as workers do.
    pub(crate) recode: fn(&str, &[u8]) -> Vec<u8>,
}

/// All that is encoded: bodies, frames, and what the inbox keeps.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = counter();
    cases.extend(people());
    cases.extend([
        body::<stock::Command, stock::NewAdjustment>("stock.adjust.v1"),
        body::<stock::Event, stock::Moved>("stock.moved.v1"),
        body::<receipt::Event, receipt::Issued>("receipt.issued.v1"),
        frame::<Envelope>("envelope", |_, bytes| {
            rmp_serde::to_vec_named(&rmp_serde::from_slice::<Envelope>(bytes).unwrap()).unwrap()
        }),
        frame::<Batch>("batch", |_, bytes| Batch::decode(bytes).unwrap().encode().to_vec()),
        frame::<Outcome>("outcome", |_, bytes| Outcome::decode(bytes).unwrap().encode()),
        frame::<Answers>("answers", |_, bytes| Answers::decode(bytes).unwrap().encode().to_vec()),
        frame::<DeadLetter>("dead-letter", |_, bytes| DeadLetter::decode(bytes).unwrap().encode()),
    ]);
    cases
}

/// What happens at the counter.
fn counter() -> Vec<Case> {
    vec![
        body::<sale::Command, sale::NewSale>("sale.submit.v1"),
        body::<sale::Command, sale::NewVoid>("sale.void.v1"),
        body::<sale::Command, price::PromotionToPut>("sale.put_promotion.v1"),
        body::<sale::Command, price::ToEnd>("sale.end_promotion.v1"),
        body::<sale::Command, price::PriceListToPut>("sale.put_price_list.v1"),
        body::<sale::Command, price::ToEnd>("sale.end_price_list.v1"),
        body::<sale::Command, price::NewPrices>("sale.set_prices.v1"),
        body::<sale::Event, identity::Changed>("sale.promotion_changed.v1"),
        body::<sale::Event, identity::Changed>("sale.price_list_changed.v1"),
        body::<sale::Event, sale::Recorded>("sale.recorded.v1"),
        body::<sale::Command, shift::NewShift>("sale.open_shift.v1"),
        body::<sale::Command, shift::NewDrawerEvent>("sale.use_drawer.v1"),
        body::<sale::Command, shift::ShiftEnd>("sale.end_shift.v1"),
        body::<sale::Command, shift::ShiftCount>("sale.count_shift.v1"),
        body::<sale::Command, shift::ShiftClose>("sale.close_shift.v1"),
        body::<sale::Event, shift::ShiftChanged>("sale.shift_opened.v1"),
        body::<sale::Event, shift::DrawerUsed>("sale.drawer_used.v1"),
        body::<sale::Event, shift::ShiftChanged>("sale.shift_ended.v1"),
        body::<sale::Event, shift::ShiftChanged>("sale.shift_counted.v1"),
        body::<sale::Event, shift::ShiftChanged>("sale.shift_closed.v1"),
        body::<sale::Command, account::NewGiftCard>("sale.issue_gift_card.v1"),
        body::<sale::Command, account::NewStoreCredit>("sale.issue_store_credit.v1"),
        body::<sale::Command, account::Reload>("sale.reload_account.v1"),
        body::<sale::Command, account::Transfer>("sale.transfer_balance.v1"),
        body::<sale::Event, account::AccountChanged>("sale.account_issued.v1"),
        body::<sale::Event, account::AccountChanged>("sale.account_reloaded.v1"),
        body::<sale::Event, account::Transferred>("sale.balance_transferred.v1"),
        body::<sale::Command, basket::NewBasket>("sale.park_basket.v1"),
        body::<sale::Command, basket::BasketTarget>("sale.take_basket.v1"),
        body::<sale::Command, basket::BasketTarget>("sale.drop_basket.v1"),
        body::<sale::Event, basket::BasketChanged>("sale.basket_parked.v1"),
        body::<sale::Event, basket::BasketChanged>("sale.basket_taken.v1"),
        body::<sale::Event, basket::BasketChanged>("sale.basket_dropped.v1"),
        body::<sale::Command, card_payment::NewCardPayment>("sale.start_card_payment.v1"),
        body::<sale::Command, card_payment::CardPaymentCancel>("sale.cancel_card_payment.v1"),
        body::<sale::Command, card_payment::CardPaymentAnswer>("sale.settle_card_payment.v1"),
        body::<sale::Event, card_payment::CardPaymentChanged>("sale.card_payment_changed.v1"),
        body::<sale::Command, loyalty::HouseAccountToPut>("sale.put_house_account.v1"),
        body::<sale::Command, loyalty::AccountPayment>("sale.pay_account.v1"),
        body::<sale::Command, loyalty::LoyaltyRuleToPut>("sale.put_loyalty_rule.v1"),
        body::<sale::Command, loyalty::LoyaltyRuleToEnd>("sale.end_loyalty_rule.v1"),
        body::<sale::Command, loyalty::PointsToRedeem>("sale.redeem_points.v1"),
        body::<sale::Event, account::AccountChanged>("sale.house_account_put.v1"),
        body::<sale::Event, loyalty::AccountPaid>("sale.account_paid.v1"),
        body::<sale::Event, identity::Changed>("sale.loyalty_rule_changed.v1"),
        body::<sale::Event, account::Transferred>("sale.points_redeemed.v1"),
    ]
}

/// Customers, and who works for the merchant.
fn people() -> Vec<Case> {
    vec![
        body::<customer::Command, customer::NewCustomer>("customer.add_customer.v1"),
        body::<customer::Command, customer::CustomerChange>("customer.change_customer.v1"),
        body::<customer::Command, customer::OneCustomer>("customer.erase_customer.v1"),
        body::<customer::Command, customer::Merge>("customer.merge_customers.v1"),
        body::<customer::Command, customer::GroupToPut>("customer.put_group.v1"),
        body::<customer::Command, customer::GroupToEnd>("customer.end_group.v1"),
        body::<customer::Event, identity::Changed>("customer.customer_changed.v1"),
        body::<customer::Event, customer::Merged>("customer.customers_merged.v1"),
        body::<customer::Event, identity::Changed>("customer.group_changed.v1"),
        body::<identity::Command, identity::NewMerchant>("identity.open_merchant.v1"),
        body::<identity::Command, identity::MerchantChange>("identity.change_merchant.v1"),
        body::<identity::Command, identity::NewStore>("identity.add_store.v1"),
        body::<identity::Command, identity::StoreChange>("identity.change_store.v1"),
        body::<identity::Command, identity::NewRegister>("identity.add_register.v1"),
        body::<identity::Command, identity::NewUser>("identity.add_user.v1"),
        body::<identity::Command, identity::NewPin>("identity.set_pin.v1"),
        body::<identity::Command, identity::NewEnrolment>("identity.invite_till.v1"),
        body::<identity::Command, identity::NewTill>("identity.enrol_till.v1"),
        body::<identity::Command, identity::OneTill>("identity.revoke_till.v1"),
        body::<identity::Command, identity::UserChange>("identity.change_user.v1"),
        body::<identity::Command, identity::Regrant>("identity.set_grants.v1"),
        body::<identity::Command, identity::NewInvitation>("identity.invite_user.v1"),
        body::<identity::Command, identity::OneUser>("identity.deactivate_user.v1"),
        body::<identity::Command, identity::OneUser>("identity.erase_user.v1"),
        body::<identity::Event, identity::Changed>("identity.merchant_changed.v1"),
        body::<identity::Event, identity::Changed>("identity.store_changed.v1"),
        body::<identity::Event, identity::Changed>("identity.register_changed.v1"),
        body::<identity::Event, identity::Changed>("identity.user_changed.v1"),
        body::<identity::Command, identity::NewKey>("identity.make_key.v1"),
        body::<identity::Command, identity::Revocation>("identity.revoke_key.v1"),
        body::<identity::Event, identity::Changed>("identity.key_changed.v1"),
        body::<identity::Command, identity::NewPassword>("identity.set_password.v1"),
        body::<identity::Command, identity::SignIn>("identity.sign_in.v1"),
        body::<identity::Event, identity::Changed>("identity.till_changed.v1"),
    ]
}

fn body<M: Message, T: Value>(kind: &'static str) -> Case {
    frame::<T>(kind, |kind, bytes| {
        let message = M::decode(kind, bytes).unwrap();
        assert_eq!(message.kind(), kind);
        message.encode()
    })
}

fn frame<T: Value>(name: &'static str, recode: fn(&str, &[u8]) -> Vec<u8>) -> Case {
    Case {
        name,
        encode: |json| rmp_serde::to_vec_named(&serde_json::from_str::<T>(json).unwrap()).unwrap(),
        matches: |json, bytes| {
            let decoded: T = rmp_serde::from_slice(bytes).map_err(|error| error.to_string())?;
            Ok(decoded == serde_json::from_str::<T>(json).unwrap())
        },
        recode,
    }
}

/// A type of the wire.
trait Value: Serialize + DeserializeOwned + PartialEq + Debug {}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug> Value for T {}

/// One sample.
pub(crate) struct Sample {
    pub(crate) case: Case,
    pub(crate) json: String,
    /// Where the MessagePack is, in hexadecimal.
    pub(crate) hex: PathBuf,
}

impl Sample {
    /// The recorded bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let hex = fs::read_to_string(&self.hex).unwrap_or_else(|error| panic!("{}: {error}", self.hex.display()));
        hex::decode(hex.trim()).unwrap()
    }

    /// The type whose schema it must fit.
    pub(crate) fn published(&self) -> Option<Published> {
        tillstream_contract::schema::all().into_iter().find(|published| published.name() == self.case.name)
    }
}

/// The folder of samples of a version.
pub(crate) fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("v{version}"))
}

/// The versions that have samples, the oldest first.
pub(crate) fn versions() -> Vec<String> {
    let names = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    let mut versions: Vec<_> = names.iter().map(|name| name.strip_prefix('v').unwrap().to_owned()).collect();
    versions.sort_by_key(|version| version.split('.').map(|part| part.parse::<u32>().unwrap()).collect::<Vec<_>>());
    assert!(!versions.is_empty());
    versions
}

/// The samples of a version.
pub(crate) fn samples(version: &str) -> Vec<Sample> {
    let folder = folder(version);
    let names = names(&folder);
    names.iter().filter_map(|name| name.strip_suffix(".json")).map(|name| sample(&folder, name)).collect()
}

fn sample(folder: &Path, name: &str) -> Sample {
    let (what, _variant) = name.rsplit_once('.').unwrap_or_else(|| panic!("{name} is not <what>.<variant>.json"));
    let case = cases().into_iter().find(|case| case.name == what);
    Sample {
        case: case.unwrap_or_else(|| panic!("{name}: no case is called {what}")),
        json: fs::read_to_string(folder.join(format!("{name}.json"))).unwrap(),
        hex: folder.join(format!("{name}.hex")),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
