//! Merchants, their stores and registers, as those who run them see them.

use crate::{
    Rejection,
    id::{MerchantId, RegisterId, StoreId},
    money::Currency,
    tax::TaxRules,
    text::Text,
};

/// The name of a merchant or a store, as receipts show it.
pub type PlaceName = Text<120>;
/// The name of a time zone in the IANA database: `Europe/Zurich`. Whether there is such a one, the workers' database knows.
pub type TimeZone = Text<64>;
/// The code of a register, as receipts show it.
pub type RegisterCode = Text<16>;

/// A merchant. The currency and the rules of tax are the base of its books and never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Who.
    pub id: MerchantId,
    /// The name.
    pub name: String,
    /// In which it sells.
    pub currency: Currency,
    /// How it reckons tax.
    pub rules: TaxRules,
    /// Counts changes from 1.
    pub version: u32,
}

impl Merchant {
    /// The merchant under another name, if it still has the version that who asks has seen.
    ///
    /// # Errors
    /// [`Rejection::VersionConflict`].
    pub fn rename(&self, seen: u32, name: &PlaceName) -> Result<Self, Rejection> {
        check_version(seen, self.version)?;
        Ok(Self { name: name.to_string(), version: self.version + 1, ..self.clone() })
    }
}

/// The time zone of a store for which nobody has named one.
pub const UTC: &str = "UTC";

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Which: the id of the command that added it.
    pub id: StoreId,
    /// The name, unique in the merchant.
    pub name: String,
    /// The time zone of its clock, by which its reports and its promotions by the hour go.
    pub time_zone: String,
    /// Counts changes from 1.
    pub version: u32,
}

impl Store {
    /// The store under another name and in another time zone, if one is given, if it still has the version that who asks has
    /// seen.
    ///
    /// # Errors
    /// [`Rejection::VersionConflict`].
    pub fn change(&self, seen: u32, name: &PlaceName, time_zone: Option<&TimeZone>) -> Result<Self, Rejection> {
        check_version(seen, self.version)?;
        let time_zone = time_zone.map_or_else(|| self.time_zone.clone(), TimeZone::to_string);
        Ok(Self { name: name.to_string(), time_zone, version: self.version + 1, ..self.clone() })
    }
}

/// A register. It never changes, for its receipts are numbered by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Which: the id of the command that added it.
    pub id: RegisterId,
    /// Where it stands.
    pub store: StoreId,
    /// Its short code, unique in the store.
    pub code: String,
}

/// Checks that nobody has changed a thing since who asks has seen it.
///
/// # Errors
/// [`Rejection::VersionConflict`].
pub(super) fn check_version(seen: u32, found: u32) -> Result<(), Rejection> {
    if seen == found { Ok(()) } else { Err(Rejection::VersionConflict { expected: seen, found }) }
}
