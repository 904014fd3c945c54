//! Sales on the wire.

mod document;
mod payment;

use serde::{Deserialize, Serialize};
use tillstream_domain::{
    Rejection,
    id::{CustomerId, ProductId, PromotionId, RegisterId, SaleId, StoreId, UserId},
    identity::{Actor, Need, Permission, Place},
    money::{Amount, Currency},
    pricing::{Coupon, ManualDiscount, Off, Reason},
    quantity::Quantity,
    sale::{self as domain, Asked, Original, Submission, Ticket, Voiding},
    shift::Report,
    tender,
    text::Note,
    time::Timestamp,
};
use utoipa::ToSchema;
use uuid::Uuid;

pub use document::{Discount, Line, Merchant, Register, Sale, Store};
pub use payment::Payment;

use crate::{
    Envelope,
    account::{AccountChanged, NewGiftCard, NewStoreCredit, Reload, Transfer, Transferred},
    basket::{BasketChanged, BasketTarget, NewBasket},
    card_payment::{CardPaymentAnswer, CardPaymentCancel, CardPaymentChanged, NewCardPayment},
    envelope::messages,
    identity::Changed,
    loyalty::{AccountPaid, AccountPayment, HouseAccountToPut, LoyaltyRuleToEnd, LoyaltyRuleToPut, PointsToRedeem},
    price::{NewPrices, PriceListToPut, PromotionToPut, ToEnd},
    shift::{DrawerUsed, NewDrawerEvent, NewShift, ShiftChanged, ShiftClose, ShiftCount, ShiftEnd},
};

messages! {
    /// What the sales worker is told to do.
    Command {
        /// Record a sale.
        Submit(NewSale) = "sale.submit.v1",
        /// Undo a sale.
        Void(NewVoid) = "sale.void.v1",
        /// Add or change a promotion.
        PutPromotion(PromotionToPut) = "sale.put_promotion.v1",
        /// Let a promotion apply no more.
        EndPromotion(ToEnd) = "sale.end_promotion.v1",
        /// Add or change a price list.
        PutPriceList(PriceListToPut) = "sale.put_price_list.v1",
        /// Let a price list apply no more.
        EndPriceList(ToEnd) = "sale.end_price_list.v1",
        /// Set what a list asks for products.
        SetPrices(NewPrices) = "sale.set_prices.v1",
        /// Open a shift.
        OpenShift(NewShift) = "sale.open_shift.v1",
        /// Enter what a drawer was opened for besides sales.
        UseDrawer(NewDrawerEvent) = "sale.use_drawer.v1",
        /// End a shift.
        EndShift(ShiftEnd) = "sale.end_shift.v1",
        /// Take down what was found at its end.
        CountShift(ShiftCount) = "sale.count_shift.v1",
        /// Close a shift.
        CloseShift(ShiftClose) = "sale.close_shift.v1",
        /// Give out a gift card.
        IssueGiftCard(NewGiftCard) = "sale.issue_gift_card.v1",
        /// Give out store credit.
        IssueStoreCredit(NewStoreCredit) = "sale.issue_store_credit.v1",
        /// Put more on an account.
        ReloadAccount(Reload) = "sale.reload_account.v1",
        /// Move what is on an account to another.
        TransferBalance(Transfer) = "sale.transfer_balance.v1",
        /// Put a basket aside.
        ParkBasket(NewBasket) = "sale.park_basket.v1",
        /// Go on with a parked basket.
        TakeBasket(BasketTarget) = "sale.take_basket.v1",
        /// Throw a parked basket away.
        DropBasket(BasketTarget) = "sale.drop_basket.v1",
        /// Start a card payment at a terminal.
        StartCardPayment(NewCardPayment) = "sale.start_card_payment.v1",
        /// Undo a card payment.
        CancelCardPayment(CardPaymentCancel) = "sale.cancel_card_payment.v1",
        /// Take down what a provider says of a card payment.
        SettleCardPayment(CardPaymentAnswer) = "sale.settle_card_payment.v1",
        /// Say how much a customer may owe.
        PutHouseAccount(HouseAccountToPut) = "sale.put_house_account.v1",
        /// Take what a customer pays of what they owe.
        PayAccount(AccountPayment) = "sale.pay_account.v1",
        /// Say what customers collect points by.
        PutLoyaltyRule(LoyaltyRuleToPut) = "sale.put_loyalty_rule.v1",
        /// Let nobody collect points any more.
        EndLoyaltyRule(LoyaltyRuleToEnd) = "sale.end_loyalty_rule.v1",
        /// Turn points into store credit.
        RedeemPoints(PointsToRedeem) = "sale.redeem_points.v1",
    }
}

messages! {
    /// What the sales worker reports.
    Event {
        /// A sale is in the books.
        Recorded(Recorded) = "sale.recorded.v1",
        /// A promotion was added, changed or ended.
        PromotionChanged(Changed) = "sale.promotion_changed.v1",
        /// A price list, or its prices, were added, changed or ended.
        PriceListChanged(Changed) = "sale.price_list_changed.v1",
        /// A shift is open.
        ShiftOpened(ShiftChanged) = "sale.shift_opened.v1",
        /// A drawer was opened besides sales.
        DrawerUsed(DrawerUsed) = "sale.drawer_used.v1",
        /// A shift has ended.
        ShiftEnded(ShiftChanged) = "sale.shift_ended.v1",
        /// A shift was counted.
        ShiftCounted(ShiftChanged) = "sale.shift_counted.v1",
        /// A shift is closed: its Z report.
        ShiftClosed(ShiftChanged) = "sale.shift_closed.v1",
        /// A gift card or store credit is given out.
        AccountIssued(AccountChanged) = "sale.account_issued.v1",
        /// There is more on an account.
        AccountReloaded(AccountChanged) = "sale.account_reloaded.v1",
        /// Something went from one account to another.
        BalanceTransferred(Transferred) = "sale.balance_transferred.v1",
        /// A basket is parked.
        BasketParked(BasketChanged) = "sale.basket_parked.v1",
        /// A till goes on with a basket.
        BasketTaken(BasketChanged) = "sale.basket_taken.v1",
        /// A basket was thrown away.
        BasketDropped(BasketChanged) = "sale.basket_dropped.v1",
        /// A card payment has come further.
        CardPaymentChanged(CardPaymentChanged) = "sale.card_payment_changed.v1",
        /// A customer has a house account, or may owe another amount.
        HouseAccountPut(AccountChanged) = "sale.house_account_put.v1",
        /// A customer paid of what they owe.
        AccountPaid(AccountPaid) = "sale.account_paid.v1",
        /// The rule of points was put or ended; the id is the merchant's.
        LoyaltyRuleChanged(Changed) = "sale.loyalty_rule_changed.v1",
        /// Points became store credit.
        PointsRedeemed(Transferred) = "sale.points_redeemed.v1",
    }
}

impl Event {
    /// The document that goods and money follow, if it is one: practice moves nothing.
    #[must_use]
    pub fn counting(&self) -> Option<&Sale> {
        let Self::Recorded(Recorded { sale }) = self else { return None };
        (sale.kind != domain::Kind::Training).then_some(sale)
    }

    /// The shift as it stands, if it is one that has come further.
    #[must_use]
    pub fn shift(&self) -> Option<&Report> {
        match self {
            Self::ShiftOpened(changed)
            | Self::ShiftEnded(changed)
            | Self::ShiftCounted(changed)
            | Self::ShiftClosed(changed) => Some(&changed.shift),
            _ => None,
        }
    }

    /// Where it happened; none if it concerns all stores.
    #[must_use]
    pub const fn store(&self) -> Option<StoreId> {
        Some(match self {
            Self::PromotionChanged(_) | Self::PriceListChanged(_) | Self::LoyaltyRuleChanged(_) => return None,
            Self::Recorded(recorded) => recorded.sale.store.id,
            Self::DrawerUsed(used) => used.event.store,
            Self::ShiftOpened(changed)
            | Self::ShiftEnded(changed)
            | Self::ShiftCounted(changed)
            | Self::ShiftClosed(changed) => changed.shift.spot.store,
            Self::BasketParked(changed) | Self::BasketTaken(changed) | Self::BasketDropped(changed) => changed.store,
            Self::CardPaymentChanged(changed) => changed.payment.store,
            Self::AccountIssued(changed) | Self::AccountReloaded(changed) | Self::HouseAccountPut(changed) => {
                changed.store
            }
            Self::BalanceTransferred(transferred) | Self::PointsRedeemed(transferred) => transferred.store,
            Self::AccountPaid(paid) => paid.store,
        })
    }

    /// What the event says.
    ///
    /// # Errors
    /// None: all of it can be JSON.
    pub fn body(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Self::Recorded(body) => serde_json::to_value(body),
            Self::DrawerUsed(body) => serde_json::to_value(body),
            Self::PromotionChanged(body) | Self::PriceListChanged(body) | Self::LoyaltyRuleChanged(body) => {
                serde_json::to_value(body)
            }
            Self::ShiftOpened(body) | Self::ShiftEnded(body) | Self::ShiftCounted(body) | Self::ShiftClosed(body) => {
                serde_json::to_value(body)
            }
            Self::BasketParked(body) | Self::BasketTaken(body) | Self::BasketDropped(body) => {
                serde_json::to_value(body)
            }
            Self::CardPaymentChanged(body) => serde_json::to_value(body),
            Self::AccountIssued(body) | Self::AccountReloaded(body) | Self::HouseAccountPut(body) => {
                serde_json::to_value(body)
            }
            Self::BalanceTransferred(body) | Self::PointsRedeemed(body) => serde_json::to_value(body),
            Self::AccountPaid(body) => serde_json::to_value(body),
        }
    }

    /// What the route answers that takes the command.
    ///
    /// # Errors
    /// None: all of it can be JSON.
    pub fn document(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Self::Recorded(recorded) => serde_json::to_value(&recorded.sale),
            Self::DrawerUsed(used) => serde_json::to_value(&used.event),
            Self::PromotionChanged(changed) | Self::PriceListChanged(changed) | Self::LoyaltyRuleChanged(changed) => {
                serde_json::to_value(changed)
            }
            Self::ShiftOpened(changed)
            | Self::ShiftEnded(changed)
            | Self::ShiftCounted(changed)
            | Self::ShiftClosed(changed) => serde_json::to_value(&changed.shift),
            Self::BasketParked(changed) | Self::BasketTaken(changed) | Self::BasketDropped(changed) => {
                serde_json::to_value(changed)
            }
            Self::CardPaymentChanged(changed) => serde_json::to_value(&changed.payment),
            Self::AccountIssued(changed) | Self::AccountReloaded(changed) | Self::HouseAccountPut(changed) => {
                serde_json::to_value(&changed.account)
            }
            Self::BalanceTransferred(transferred) | Self::PointsRedeemed(transferred) => {
                serde_json::to_value(transferred)
            }
            Self::AccountPaid(paid) => serde_json::to_value(paid),
        }
    }
}

impl crate::Command for Command {
    fn need(&self) -> Need {
        match self {
            Self::Submit(sale) => sale.need(),
            Self::PutPromotion(_)
            | Self::EndPromotion(_)
            | Self::PutPriceList(_)
            | Self::EndPriceList(_)
            | Self::SetPrices(_)
            | Self::PutLoyaltyRule(_)
            | Self::EndLoyaltyRule(_) => Need::new(Permission::ManagePrices, Place::Merchant),
            Self::Void(void) => Need::new(Permission::Void, Place::Register(void.store, void.register)),
            Self::OpenShift(shift) => shift.need(),
            Self::UseDrawer(event) => event.need(),
            Self::EndShift(end) => end.need(),
            Self::CountShift(count) => count.need(),
            Self::CloseShift(close) => close.need(),
            Self::IssueGiftCard(card) => card.need(),
            Self::IssueStoreCredit(credit) => credit.need(),
            Self::ReloadAccount(reload) => reload.need(),
            Self::TransferBalance(transfer) => transfer.need(),
            Self::ParkBasket(basket) => basket.need(),
            Self::TakeBasket(target) | Self::DropBasket(target) => target.need(),
            Self::StartCardPayment(payment) => payment.need(),
            Self::CancelCardPayment(cancel) => cancel.need(),
            Self::SettleCardPayment(_) => CardPaymentAnswer::need(),
            Self::PutHouseAccount(put) => put.need(),
            Self::PayAccount(payment) => payment.need(),
            Self::RedeemPoints(redeem) => redeem.need(),
        }
    }
}

/// A sale, as a till submits it. Its id is the request's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSale {
    /// Where it was sold.
    pub store: StoreId,
    /// At which register of that store.
    pub register: RegisterId,
    /// The number that the till gave it by its own counter, from 1 and consecutive. The server looks for gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Whose sale it is, if not the cashier's who submits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesperson: Option<UserId>,
    /// Who buys, if they are a customer; of what comes back who bought it, if left out. One who was merged means the survivor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// Whether somebody practises: the sale is kept, and counts nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub training: bool,
    /// Whether the till had no connection when it was sold. What happened then is a fact: a return that would be refused is
    /// recorded and flagged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
    /// When the customer paid; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold_at: Option<Timestamp>,
    /// ISO 4217 code; it must be the merchant's.
    pub currency: Currency,
    /// What was sold: 1 to 500 lines.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<NewLine>,
    /// The coupons that the customer shows: up to 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 20)]
    pub coupons: Vec<Coupon>,
    /// What the cashier takes off the whole. Beyond a tenth it needs the permission `discounts.big`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<ManualDiscount>,
    /// What the customer gives on top, in minor units. It is not the merchant's, and not taxed.
    #[serde(default, skip_serializing_if = "Amount::is_zero")]
    pub tip: Amount,
    /// How it was paid: up to 20 payments that cover the total and the tip.
    #[schema(max_items = 20)]
    pub payments: Vec<Payment>,
    /// A remark of up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

/// One line of a basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewLine {
    /// The product.
    pub product: ProductId,
    /// How much of it: above zero, or below for what comes back.
    pub quantity: Quantity,
    /// What comes back, if it was sold by this merchant: then it is worth what was paid for it. Without it whoever submits
    /// it needs the permission `returns.unlinked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// What was charged for one unit, in minor units; the catalogue's price, if left out. A price that differs from the
    /// catalogue's is taken and flagged for review. Without `charged` it is the cashier's own and needs the permission
    /// `prices.override`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
    /// What the cashier takes off it. Beyond a tenth it needs the permission `discounts.big`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<ManualDiscount>,
    /// What the till has taken off, if it has priced the sale itself: up to 8 discounts, each above zero, together no more
    /// than the line's amount. Once a line has them, nothing else is taken off the sale, and one that should have had
    /// others is flagged for review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 8)]
    pub charged: Option<Vec<Charged>>,
}

/// A sale is in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// The sale, complete.
    pub sale: Sale,
}

/// Something that a till has taken off a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Charged {
    /// How much, in minor units, above zero.
    pub amount: Amount,
    /// Why, as printed: the promotion's name or the cashier's reason.
    #[schema(value_type = String, max_length = 120)]
    pub name: Reason,
    /// By which promotion; by hand, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionId>,
}

impl Charged {
    fn discount(&self) -> domain::Discount {
        domain::Discount { amount: self.amount, name: self.name.to_string(), promotion: self.promotion }
    }
}

/// A sale to undo, as long as its shift is open. The void's id is the request's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewVoid {
    /// The sale.
    pub sale: SaleId,
    /// Where it was sold.
    pub store: StoreId,
    /// The register at which it was sold: it is undone there.
    pub register: RegisterId,
    /// The number that the till gives the void by its own counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// When; now, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided_at: Option<Timestamp>,
    /// Why: up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub note: Option<Note>,
}

impl NewVoid {
    /// What the domain decides on: this void, with id, time and sender of the envelope in which it came.
    #[must_use]
    pub fn voiding(&self, envelope: &Envelope) -> Voiding {
        Voiding {
            id: SaleId::new(envelope.id),
            sale: self.sale,
            store: self.store,
            register: self.register,
            ticket: self.ticket,
            cashier: user(envelope),
            at: self.voided_at.unwrap_or(envelope.at),
            note: self.note.clone(),
        }
    }
}

/// What a cashier may take off: a tenth. How much an amount is of a line nobody knows before it is priced.
const CASHIERS_PART_MILLIONTHS: u32 = 100_000;

/// The person who sent it, if it was one.
pub(crate) fn user(envelope: &Envelope) -> Option<UserId> {
    match envelope.actor.parse() {
        Ok(Actor::User(user)) => Some(user),
        _ => None,
    }
}

impl NewSale {
    /// What it takes to submit it: goods that come back without their sale take more than selling, and so do discounts that
    /// are not a part of at most a tenth, and a cashier's own price. What a till has reckoned itself is no cashier's.
    fn need(&self) -> Need {
        let unlinked = |line: &NewLine| line.quantity < Quantity::ZERO && line.original.is_none();
        let own_price =
            |line: &NewLine| line.quantity > Quantity::ZERO && line.unit_price.is_some() && line.charged.is_none();
        let big = |discount: &ManualDiscount| match discount.off {
            Off::Percent(percent) => percent.millionths() > CASHIERS_PART_MILLIONTHS,
            Off::Amount(_) => true,
        };
        let mut discounts = self.lines.iter().filter_map(|line| line.discount.as_ref()).chain(&self.discount);
        let besides = [
            (Permission::ReturnUnlinked, self.lines.iter().any(unlinked)),
            (Permission::DiscountBig, discounts.any(big)),
            (Permission::OverridePrice, self.lines.iter().any(own_price)),
        ];
        let besides = besides.into_iter().filter_map(|(permission, needed)| needed.then_some(permission));
        Need::new(Permission::Sell, Place::Register(self.store, self.register)).and(besides.collect())
    }

    /// Checks what the body alone decides, for a sale submitted as `id` at `at`.
    ///
    /// # Errors
    /// What [`Submission::check`] refuses.
    pub fn check(&self, id: Uuid, at: Timestamp) -> Result<(), Rejection> {
        self.submitted(id, None, at).check()
    }

    /// What the domain decides on: this sale, with the id and time of the envelope in which it came.
    #[must_use]
    pub fn submission(&self, envelope: &Envelope) -> Submission {
        self.submitted(envelope.id, user(envelope), envelope.at)
    }

    fn submitted(&self, id: Uuid, cashier: Option<UserId>, at: Timestamp) -> Submission {
        Submission {
            id: SaleId::new(id),
            store: self.store,
            register: self.register,
            ticket: self.ticket,
            cashier,
            salesperson: self.salesperson,
            customer: self.customer,
            training: self.training,
            offline: self.offline,
            sold_at: self.sold_at.unwrap_or(at),
            currency: self.currency,
            lines: self.lines.iter().map(domain::NewLine::from).collect(),
            asked: Asked { coupons: self.coupons.clone(), discount: self.discount.clone(), ..Asked::default() },
            tip: self.tip,
            payments: self.payments.iter().cloned().map(tender::Payment::from).collect(),
            note: self.note.clone(),
        }
    }
}

impl From<&NewLine> for domain::NewLine {
    fn from(line: &NewLine) -> Self {
        Self {
            product: line.product,
            quantity: line.quantity,
            original: line.original,
            unit_price: line.unit_price,
            discount: line.discount.clone(),
            charged: line.charged.as_ref().map(|charged| charged.iter().map(Charged::discount).collect()),
        }
    }
}

#[cfg(test)]
mod tests;
