//! Identifiers: a UUID each, told apart by their types.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// A UUID (RFC 9562): text in human-readable formats, 16 bytes in others.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = Uuid))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Names the UUID for what it identifies.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// Identifies a merchant: who sells, and whose rows are whose.
    MerchantId
    /// Identifies a store of a merchant.
    StoreId
    /// Identifies a register: a till that numbers its own receipts.
    RegisterId
    /// Identifies a product of a merchant's catalogue.
    ProductId
    /// Identifies a category of products.
    CategoryId
    /// Identifies a command. Chosen by the client; the same id never takes effect twice.
    CommandId
    /// Identifies a sale: the id of the command that submitted it.
    SaleId
    /// Identifies a user of a merchant: the id of the command that added them. It stands for the person in the books, and
    /// says nothing once the person is erased.
    UserId
    /// Identifies an API key of a merchant: the id of the command that made it.
    KeyId
    /// Identifies a session: from a sign-in to its sign-out.
    SessionId
    /// Identifies a shift at a register: the id of the command that opened it.
    ShiftId
    /// Identifies a customer of a merchant: the id of the command that added them. It stands for the person in the books, and
    /// says nothing once the person is erased.
    CustomerId
    /// Identifies a group of customers: chosen by who adds it.
    GroupId
    /// Identifies a promotion: the id of the command that added it.
    PromotionId
    /// Identifies a price list: the id of the command that added it.
    PriceListId
    /// Identifies an account that holds value, a gift card or store credit: the id of the command that opened it, or one that
    /// the till chose when it gave back store credit.
    AccountId
    /// Identifies a parked basket: the id of the command that parked it.
    BasketId
    /// Identifies a card payment at a terminal: the id of the command that started it.
    CardPaymentId
}

impl From<CommandId> for AccountId {
    fn from(command: CommandId) -> Self {
        Self(command.0)
    }
}

impl From<CommandId> for CardPaymentId {
    fn from(command: CommandId) -> Self {
        Self(command.0)
    }
}

impl From<CommandId> for CustomerId {
    fn from(command: CommandId) -> Self {
        Self(command.0)
    }
}

impl From<CommandId> for SaleId {
    fn from(command: CommandId) -> Self {
        Self(command.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_uuid_in_text_and_in_json() {
        let text = "018f4e5a-0000-7000-8000-0000000000ff";
        let id: CommandId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&SaleId::from(id)).unwrap(), format!("\"{text}\""));
        assert_eq!(format!("{id:?}"), format!("CommandId({text})"));
        assert!("not a uuid".parse::<StoreId>().is_err());
    }
}
