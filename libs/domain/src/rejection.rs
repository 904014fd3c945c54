//! Why a command is refused.

use uuid::Uuid;

use crate::{
    account::AccountRejection,
    basket::BasketRejection,
    card_payment::CardPaymentRejection,
    customer::CustomerRejection,
    id::{KeyId, MerchantId, ProductId, RegisterId, SaleId, ShiftId, StoreId, UserId},
    identity::{Need, Permission},
    money::{Amount, Currency, Overflow},
    quantity::Quantity,
    shift::{CashRejection, Gap, under_way},
    stock::Reason,
};

/// A refusal: the message is for people, [`Rejection::code`] for machines, [`Rejection::pointer`] says which field.
///
/// Lines and payments are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No line at all.
    #[error("there is no line")]
    EmptyBasket,
    /// More lines than a document may have.
    #[error("there are {count} lines, at most {max} are allowed")]
    TooManyLines {
        /// Lines found.
        count: usize,
        /// Lines allowed.
        max: usize,
    },
    /// More payments than a sale may have.
    #[error("there are {count} payments, at most {max} are allowed")]
    TooManyPayments {
        /// Payments found.
        count: usize,
        /// Payments allowed.
        max: usize,
    },
    /// A quantity that cannot be sold or moved.
    #[error("the quantity of line {line} is out of range")]
    QuantityOutOfRange {
        /// The line.
        line: usize,
    },
    /// A price below zero.
    #[error("the unit price of line {line} is negative")]
    PriceNegative {
        /// The line.
        line: usize,
    },
    /// Something taken off below zero.
    #[error("a discount is negative")]
    DiscountNegative {
        /// The line; none if it is the basket's.
        line: Option<usize>,
    },
    /// More coupons, customer groups, categories or listed prices than a basket may have.
    #[error("the basket has more coupons, groups, categories, listed prices or discounts than are allowed")]
    BasketTooLarge,
    /// The merchant has no such store.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The store has no such register.
    #[error("there is no register {0} in the store")]
    UnknownRegister(RegisterId),
    /// The merchant has no such product.
    #[error("there is no product {product} (line {line})")]
    UnknownProduct {
        /// The line.
        line: usize,
        /// The product.
        product: ProductId,
    },
    /// A line that names what comes back has a quantity above zero.
    #[error("line {line} comes back, so its quantity must be below zero")]
    ReturnNotNegative {
        /// The line.
        line: usize,
    },
    /// A promotion that cannot be.
    #[error("{}", crate::Invalid::Promotion)]
    PromotionInvalid,
    /// More promotions or price lists than a merchant may have at once.
    #[error("there are {max} already; end one that is not needed any more")]
    TooManyPromotions {
        /// How many there may be.
        max: usize,
    },
    /// The merchant has no such promotion.
    #[error("there is no promotion {0}")]
    UnknownPromotion(Uuid),
    /// The merchant has no such price list.
    #[error("there is no price list {0}")]
    UnknownPriceList(Uuid),
    /// Discounts that a till has reckoned are no more than the amount, each above zero, and few.
    #[error("what is taken off line {line} is not above zero, is more than its amount, or is too many discounts")]
    DiscountOutOfRange {
        /// The line.
        line: usize,
    },
    /// The merchant has no such sale, or not at that register.
    #[error("there is no sale {0} there")]
    UnknownSale(SaleId),
    /// What is to come back was not sold.
    #[error("line {line} names no line of a sale of which something can come back")]
    NotReturnable {
        /// The line.
        line: usize,
    },
    /// More is to come back than is left.
    #[error("of what line {line} returns, {left} is left")]
    ReturnExceeds {
        /// The line.
        line: usize,
        /// What is left.
        left: Quantity,
    },
    /// More is to go back to a tender than was paid with it.
    #[error("payment {payment} gives back more than is left of what was paid so, which is {} minor units", left.get())]
    RefundExceedsTender {
        /// The payment.
        payment: usize,
        /// What is left.
        left: Amount,
    },
    /// A sale that cannot be undone.
    #[error("sale {sale} cannot be voided: {why}")]
    NotVoidable {
        /// The sale.
        sale: SaleId,
        /// Why.
        why: &'static str,
    },
    /// The merchant sells in another currency.
    #[error("the merchant sells in {expected}, not in {found}")]
    CurrencyMismatch {
        /// The merchant's currency.
        expected: Currency,
        /// The currency of the sale.
        found: Currency,
    },
    /// A sum is beyond ±(2^53 − 1) minor units.
    #[error("an amount is beyond what can be counted")]
    AmountOverflow,
    /// A payment of nothing or less.
    #[error("payment {payment} is not positive")]
    PaymentNotPositive {
        /// The payment.
        payment: usize,
    },
    /// Payments do not cover the total.
    #[error("the payments are {} minor units short of the total", missing.get())]
    PaymentShort {
        /// What is missing.
        missing: Amount,
    },
    /// What goes back is not negative.
    #[error("payment {payment} is not negative, but money goes back")]
    PaymentNotNegative {
        /// The payment.
        payment: usize,
    },
    /// More goes back than is owed to the customer.
    #[error("refunds exceed what goes back by {} minor units", excess.get())]
    RefundExceedsTotal {
        /// What is too much.
        excess: Amount,
    },
    /// Less goes back than is owed to the customer.
    #[error("refunds are {} minor units short of what goes back", missing.get())]
    RefundShort {
        /// What is missing.
        missing: Amount,
    },
    /// Anything but cash pays more than the total.
    #[error("payments other than cash exceed the total by {} minor units", excess.get())]
    CardExceedsTotal {
        /// What is too much.
        excess: Amount,
    },
    /// Store credit and gift cards are given out by the server alone.
    #[error("payment {0} gives back to an account, which a till without a connection cannot do")]
    RefundNeedsConnection(usize),
    /// A tip below zero, or with money that goes back.
    #[error("a tip is not negative, and none goes with money that goes back")]
    TipNegative,
    /// All the cash would come back as change.
    #[error("cash is tendered but none is needed")]
    CashNotNeeded,
    /// Who asks may not do that, there.
    #[error("this needs {0}")]
    Forbidden(Need),
    /// The merchant has no such user.
    #[error("there is no user {0}")]
    UnknownUser(UserId),
    /// Another user of the merchant has this e-mail address.
    #[error("another user has this e-mail address")]
    EmailTaken,
    /// More grants than a user may have.
    #[error("there are {count} grants, at most {max} are allowed; a role in all stores is one")]
    TooManyGrants {
        /// Grants found.
        count: usize,
        /// Grants allowed.
        max: usize,
    },
    /// A grant names a store that the merchant has not.
    #[error("there is no store {0}")]
    UnknownGrantStore(StoreId),
    /// The merchant would have no active owner of all its stores any more.
    #[error("they are the last owner; make somebody else an owner of all stores first")]
    LastOwner,
    /// The user is deactivated or erased.
    #[error("user {0} is deactivated; add them anew if they are back")]
    UserEnded(UserId),
    /// The user is erased.
    #[error("user {0} is erased already")]
    UserErased(UserId),
    /// It was changed meanwhile.
    #[error("it has version {found} by now, not {expected}; read it again and decide anew")]
    VersionConflict {
        /// The version that who asks has seen.
        expected: u32,
        /// The version that it has.
        found: u32,
    },
    /// There is no such merchant.
    #[error("there is no merchant {0}")]
    UnknownMerchant(MerchantId),
    /// The merchant exists.
    #[error("merchant {0} exists already")]
    MerchantExists(MerchantId),
    /// Another store of the merchant has this name.
    #[error("another store has this name")]
    StoreNameTaken,
    /// Another register of the store has this code.
    #[error("another register of the store has this code")]
    RegisterCodeTaken,
    /// The grants are beyond what who asks may give or take.
    #[error("these grants, or those that the user has, are not yours to give or take; an owner may")]
    BeyondOwnRights,
    /// The merchant has no such API key.
    #[error("there is no API key {0}")]
    UnknownKey(KeyId),
    /// The code for a password was never given, was used or replaced, or is too old.
    #[error("the code is not known, was used, or is too old; ask for a new invitation")]
    CodeInvalid,
    /// An API key is for a store that the merchant has not.
    #[error("there is no store {0}")]
    UnknownKeyStore(StoreId),
    /// An API key that may nothing.
    #[error("an API key needs a scope")]
    NoScope,
    /// An API key for no store, or for too many.
    #[error("there are {count} stores, 1 to {max} are allowed; leave them out for a key that is good in all")]
    KeyStores {
        /// Stores found.
        count: usize,
        /// Stores allowed.
        max: usize,
    },
    /// Something that no API key may.
    #[error("{0} is for people; an API key cannot have it")]
    ScopeNotForKeys(Permission),
    /// An API key or an account that would never be good.
    #[error("it would have expired already")]
    ExpiryPast,
    /// There is something else under the id of what is to be added.
    #[error("this id is taken; send the request with a new Idempotency-Key")]
    IdTaken,
    /// Somebody who wanted to sign in did not show that they are who they say.
    #[error("the sign-in failed")]
    WrongCredentials,
    /// The code for enrolment was never given, was used or replaced, or is too old.
    #[error("the code is not known, was used, or is too old; make a new one for the register")]
    EnrolmentCode,
    /// No device is enrolled for the register.
    #[error("no till is enrolled for register {0}")]
    TillNotEnrolled(RegisterId),
    /// An account stands in the way.
    #[error(transparent)]
    Account(#[from] AccountRejection),
    /// No time zone has this name.
    #[error("there is no time zone {0}; name one of the IANA database, such as Europe/Zurich")]
    UnknownTimeZone(String),
    /// A parked basket stands in the way.
    #[error(transparent)]
    Basket(#[from] BasketRejection),
    /// A card payment stands in the way.
    #[error(transparent)]
    CardPayment(#[from] CardPaymentRejection),
    /// A customer stands in the way.
    #[error(transparent)]
    Customer(#[from] CustomerRejection),
    /// A reason that people do not give for an adjustment.
    #[error("stock is not adjusted for the reason {0}")]
    ReasonNotAllowed(Reason),
    /// The register has a shift that is not closed.
    #[error("shift {0} of the register is not closed; close it first")]
    ShiftOpen(ShiftId),
    /// The register has no such shift.
    #[error("there is no shift {0} at the register")]
    UnknownShift(ShiftId),
    /// The shift has ended.
    #[error("shift {0} has ended")]
    ShiftEnded(ShiftId),
    /// The shift has not ended.
    #[error("shift {0} has not ended; end it first")]
    ShiftNotEnded(ShiftId),
    /// The shift is closed, and is not opened again.
    #[error("shift {0} is closed; what comes now belongs to the next")]
    ShiftClosed(ShiftId),
    /// A blind shift was counted before.
    #[error("shift {0} is blind and was counted; close it")]
    ShiftCounted(ShiftId),
    /// A till has made more in a shift than has arrived.
    #[error("{}", under_way(*.here, *.made, .missing))]
    SalesUnderWay {
        /// Documents that are here.
        here: u64,
        /// Documents that the till has made, if it said so.
        made: Option<u64>,
        /// Tickets that are missing.
        missing: Vec<Gap>,
    },
    /// What was counted or entered in a drawer stands in the way.
    #[error(transparent)]
    Cash(#[from] CashRejection),
}

impl Rejection {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptyBasket => "empty_basket",
            Self::TooManyLines { .. } => "too_many_lines",
            Self::TooManyPayments { .. } => "too_many_payments",
            Self::QuantityOutOfRange { .. } => "quantity_out_of_range",
            Self::PriceNegative { .. } => "price_negative",
            Self::DiscountNegative { .. } => "discount_negative",
            Self::BasketTooLarge => "basket_too_large",
            Self::UnknownStore(_) | Self::UnknownKeyStore(_) | Self::UnknownGrantStore(_) => "unknown_store",
            Self::UnknownRegister(_) => "unknown_register",
            Self::UnknownProduct { .. } => "unknown_product",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::AmountOverflow => "amount_overflow",
            Self::PaymentNotPositive { .. } => "payment_not_positive",
            Self::PaymentShort { .. } => "payment_short",
            Self::CardExceedsTotal { .. } => "card_exceeds_total",
            Self::CashNotNeeded => "cash_not_needed",
            Self::TipNegative => "tip_negative",
            Self::RefundNeedsConnection(_) => "refund_needs_connection",
            Self::PromotionInvalid => "promotion_invalid",
            Self::TooManyPromotions { .. } => "too_many_promotions",
            Self::UnknownPromotion(_) => "unknown_promotion",
            Self::UnknownPriceList(_) => "unknown_price_list",
            Self::DiscountOutOfRange { .. } => "discount_out_of_range",
            Self::ReturnNotNegative { .. } => "return_not_negative",
            Self::UnknownSale(_) => "unknown_sale",
            Self::NotReturnable { .. } => "not_returnable",
            Self::ReturnExceeds { .. } => "return_exceeds",
            Self::RefundExceedsTender { .. } => "refund_exceeds_tender",
            Self::NotVoidable { .. } => "not_voidable",
            Self::PaymentNotNegative { .. } => "payment_not_negative",
            Self::RefundExceedsTotal { .. } => "refund_exceeds_total",
            Self::RefundShort { .. } => "refund_short",
            Self::Account(rejection) => rejection.code(),
            Self::UnknownTimeZone(_) => "unknown_time_zone",
            Self::Basket(rejection) => rejection.code(),
            Self::CardPayment(rejection) => rejection.code(),
            Self::Customer(rejection) => rejection.code(),
            Self::ReasonNotAllowed(_) => "reason_not_allowed",
            Self::Forbidden(_) | Self::BeyondOwnRights => "forbidden",
            Self::UnknownKey(_) => "unknown_key",
            Self::NoScope => "no_scope",
            Self::KeyStores { .. } => "key_stores",
            Self::ScopeNotForKeys(_) => "scope_not_for_keys",
            Self::ExpiryPast => "expiry_past",
            Self::WrongCredentials => "wrong_credentials",
            Self::UnknownUser(_) => "unknown_user",
            Self::EmailTaken => "email_taken",
            Self::LastOwner => "last_owner",
            Self::UserEnded(_) => "user_ended",
            Self::IdTaken => "id_taken",
            Self::UserErased(_) => "user_erased",
            Self::CodeInvalid => "code_invalid",
            Self::VersionConflict { .. } => "version_conflict",
            Self::UnknownMerchant(_) => "unknown_merchant",
            Self::MerchantExists(_) => "merchant_exists",
            Self::StoreNameTaken => "store_name_taken",
            Self::RegisterCodeTaken => "register_code_taken",
            Self::TooManyGrants { .. } => "too_many_grants",
            Self::EnrolmentCode => "enrolment_code_invalid",
            Self::TillNotEnrolled(_) => "till_not_enrolled",
            Self::ShiftOpen(_) => "shift_open",
            Self::UnknownShift(_) => "unknown_shift",
            Self::ShiftEnded(_) => "shift_ended",
            Self::ShiftNotEnded(_) => "shift_not_ended",
            Self::ShiftClosed(_) => "shift_closed",
            Self::ShiftCounted(_) => "shift_counted",
            Self::SalesUnderWay { .. } => "sales_under_way",
            Self::Cash(rejection) => rejection.code(),
        }
    }

    /// The field at fault as a JSON pointer (RFC 6901) into the command, none if it is no single one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        Some(match self {
            Self::EmptyBasket | Self::TooManyLines { .. } => "/lines".to_owned(),
            Self::TooManyPayments { .. }
            | Self::PaymentShort { .. }
            | Self::CardExceedsTotal { .. }
            | Self::RefundExceedsTotal { .. }
            | Self::RefundShort { .. }
            | Self::CashNotNeeded => "/payments".to_owned(),
            Self::ReturnNotNegative { line } | Self::QuantityOutOfRange { line } | Self::ReturnExceeds { line, .. } => {
                format!("/lines/{line}/quantity")
            }
            Self::DiscountOutOfRange { line } => format!("/lines/{line}/charged"),
            Self::NotReturnable { line } => format!("/lines/{line}/original"),
            Self::PriceNegative { line } => format!("/lines/{line}/unit_price"),
            Self::DiscountNegative { line: Some(line) } => format!("/lines/{line}/discount"),
            Self::DiscountNegative { line: None } => "/discount".to_owned(),
            Self::UnknownStore(_) => "/store".to_owned(),
            Self::UnknownRegister(_) => "/register".to_owned(),
            Self::UnknownProduct { line, .. } => format!("/lines/{line}/product"),
            Self::CurrencyMismatch { .. } => "/currency".to_owned(),
            Self::TipNegative => "/tip".to_owned(),
            Self::PaymentNotPositive { payment }
            | Self::PaymentNotNegative { payment }
            | Self::RefundNeedsConnection(payment)
            | Self::RefundExceedsTender { payment, .. } => {
                format!("/payments/{payment}")
            }
            Self::Account(rejection) => return rejection.pointer(),
            Self::UnknownTimeZone(_) => "/time_zone".to_owned(),
            Self::Basket(rejection) => return rejection.pointer(),
            Self::CardPayment(rejection) => return rejection.pointer(),
            Self::Customer(rejection) => return rejection.pointer(),
            Self::ReasonNotAllowed(_) => "/reason".to_owned(),
            Self::EmailTaken => "/email".to_owned(),
            Self::TooManyGrants { .. } | Self::BeyondOwnRights | Self::UnknownGrantStore(_) => "/grants".to_owned(),
            Self::NoScope | Self::ScopeNotForKeys(_) => "/scopes".to_owned(),
            Self::KeyStores { .. } | Self::UnknownKeyStore(_) => "/stores".to_owned(),
            Self::ExpiryPast => "/expires_at".to_owned(),
            Self::CodeInvalid | Self::EnrolmentCode | Self::RegisterCodeTaken => "/code".to_owned(),
            Self::StoreNameTaken => "/name".to_owned(),
            Self::Cash(rejection) => return rejection.pointer(),
            Self::AmountOverflow
            | Self::BasketTooLarge
            | Self::ShiftOpen(_)
            | Self::UnknownShift(_)
            | Self::ShiftEnded(_)
            | Self::ShiftNotEnded(_)
            | Self::ShiftClosed(_)
            | Self::ShiftCounted(_)
            | Self::SalesUnderWay { .. }
            | Self::Forbidden(_)
            | Self::UnknownUser(_)
            | Self::UnknownSale(_)
            | Self::PromotionInvalid
            | Self::TooManyPromotions { .. }
            | Self::UnknownPromotion(_)
            | Self::UnknownPriceList(_)
            | Self::NotVoidable { .. }
            | Self::UnknownKey(_)
            | Self::TillNotEnrolled(_)
            | Self::WrongCredentials
            | Self::LastOwner
            | Self::IdTaken
            | Self::UserEnded(_)
            | Self::UserErased(_)
            | Self::VersionConflict { .. }
            | Self::UnknownMerchant(_)
            | Self::MerchantExists(_) => return None,
        })
    }
}

impl From<Overflow> for Rejection {
    fn from(_: Overflow) -> Self {
        Self::AmountOverflow
    }
}
