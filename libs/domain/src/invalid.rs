//! Why a value cannot be: one error for all value types of this crate.

/// A value outside the range of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Not an RFC 3339 timestamp of the years 2000 to 9999.
    #[error("not an RFC 3339 timestamp between the years 2000 and 9999")]
    Timestamp,
    /// Not the code of an active ISO 4217 currency.
    #[error("not the code of an active ISO 4217 currency")]
    Currency,
    /// Beyond ±(2^53 − 1) minor units.
    #[error("an amount is a whole number of minor units within ±9007199254740991")]
    Amount,
    /// Not a decimal of at most three places within ±1,000,000,000.
    #[error("a quantity is a decimal of at most three places within ±1000000000")]
    Quantity,
    /// Not a percentage of at most four places from 0 to 1000.
    #[error("a tax rate is a percentage of at most four places from 0 to 1000")]
    Rate,
    /// Nothing that totals are kept by.
    #[error("totals are kept by store, register, cashier, salesperson, product, category, tender, tax and promotion")]
    Dimension,
    /// Not a part of a whole.
    #[error("a part is a percentage of at most four places from 0 to 100")]
    Percent,
    /// Not a day of the years 2000 to 9999.
    #[error("a day is written YYYY-MM-DD, in the years 2000 to 9999")]
    Date,
    /// Not a minute of the day.
    #[error("a time of day is written HH:MM")]
    TimeOfDay,
    /// Not a local time.
    #[error("a local time is written YYYY-MM-DDTHH:MM, in the years 2000 to 9999")]
    LocalTime,
    /// A promotion that cannot be.
    #[error("a promotion has an id of its own, takes off something, names 1 to 10000 things, and ends after it begins")]
    Promotion,
    /// Not a way to print values into barcodes.
    #[error(
        "a barcode with a value has 13 digits: a prefix of two or more from 20 on, an item's, 4 to 6 of a value, and the check digit"
    )]
    BarcodeScheme,
    /// Not a fraction.
    #[error("a fraction is written as a whole number or as two with a slash between them")]
    Ratio,
    /// Not the number of a sale at its till.
    #[error("a ticket has a number from 1 to 9007199254740991")]
    Ticket,
    /// Not a step in which cash is rounded.
    #[error("cash is rounded to a multiple of 1 to 1000 minor units")]
    CashStep,
    /// Nothing but white space.
    #[error("text is empty")]
    TextEmpty,
    /// More characters than allowed.
    #[error("text has {length} characters, at most {max} are allowed")]
    TextTooLong {
        /// Characters found.
        length: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A control character other than a line feed.
    #[error("text holds a control character")]
    TextControl,
    /// What looks like a payment card number.
    #[error("text holds a payment card number")]
    CardNumber,
    /// Not the last four digits of a card.
    #[error("the last digits of a card are four ASCII digits")]
    Last4,
    /// A rule of points that cannot be.
    #[error("a rule gives 1 to 1000000 points for an amount above zero, each worth more than nothing")]
    LoyaltyRule,
    /// Not a phone number.
    #[error(
        "a phone number has 4 to 15 digits with spaces, dashes, dots, slashes and brackets between them, and no letters"
    )]
    Phone,
    /// Not a kind of account.
    #[error("an account is gift_card, store_credit, house or points")]
    AccountKind,
    /// Not a reason for an entry of an account.
    #[error("not a reason for an entry of an account")]
    EntryReason,
    /// Nothing that becomes of a parked basket.
    #[error("a basket is parked, taken or dropped")]
    BasketStatus,
    /// Not the number of a gift card.
    #[error("the number of a gift card is 8 to 32 letters and digits, and looks like no payment card's")]
    GiftCardNumber,
    /// Not a reason for a stock movement.
    #[error("not a reason for a stock movement")]
    Reason,
    /// Not so many bytes in lower-case hexadecimal.
    #[error("not {bytes} bytes in lower-case hexadecimal")]
    Hex {
        /// Bytes expected.
        bytes: usize,
    },
    /// Not an Ed25519 public key.
    #[error("not an Ed25519 public key")]
    PublicKey,
    /// Not a permission.
    #[error("not a permission")]
    Permission,
    /// Not a role.
    #[error("a role is owner, manager, cashier or auditor")]
    Role,
    /// Not an actor.
    #[error("an actor is operator, or user:, till: or key: and an id")]
    Actor,
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    Email,
    /// Not an argon2id hash in PHC form.
    #[error("not an argon2id hash")]
    Hash,
    /// Not a one-time code.
    #[error("not a one-time code")]
    Code,
    /// Not a PIN, or one that others try first.
    #[error("a PIN is 4 to 8 digits, not all the same and no straight run")]
    Pin,
    /// Not a state of a card payment.
    #[error("a card payment is started, unknown, approved, declined, cancelled or reversed")]
    CardPaymentState,
    /// Not representable in the canonical JSON of receipts.
    #[error("number is not an integer within ±9007199254740991")]
    Number,
}

impl Invalid {
    /// A stable name for machines, in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Timestamp => "invalid_timestamp",
            Self::Currency => "invalid_currency",
            Self::Amount => "invalid_amount",
            Self::Quantity => "invalid_quantity",
            Self::Dimension => "invalid_dimension",
            Self::Ticket => "invalid_ticket",
            Self::CashStep => "invalid_cash_step",
            Self::Rate => "invalid_rate",
            Self::Percent => "invalid_percent",
            Self::Date => "invalid_date",
            Self::TimeOfDay => "invalid_time_of_day",
            Self::LocalTime => "invalid_local_time",
            Self::Promotion => "invalid_promotion",
            Self::BarcodeScheme => "invalid_barcode_scheme",
            Self::Ratio => "invalid_fraction",
            Self::TextEmpty => "text_empty",
            Self::TextTooLong { .. } => "text_too_long",
            Self::TextControl => "text_control_character",
            Self::CardNumber => "card_number",
            Self::Last4 => "invalid_last4",
            Self::LoyaltyRule => "invalid_loyalty_rule",
            Self::Phone => "invalid_phone",
            Self::AccountKind => "invalid_account_kind",
            Self::EntryReason => "invalid_entry_reason",
            Self::BasketStatus => "invalid_basket_status",
            Self::GiftCardNumber => "invalid_gift_card_number",
            Self::Reason => "invalid_reason",
            Self::Hex { .. } => "invalid_hex",
            Self::PublicKey => "invalid_public_key",
            Self::Permission => "invalid_permission",
            Self::Role => "invalid_role",
            Self::Actor => "invalid_actor",
            Self::Email => "invalid_email",
            Self::Hash => "invalid_hash",
            Self::Code => "invalid_code",
            Self::Pin => "invalid_pin",
            Self::CardPaymentState => "invalid_card_payment_state",
            Self::Number => "invalid_number",
        }
    }
}
