//! The MessagePack forms of the values that messages are made of.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use tillstream_domain::{
    id::{CommandId, MerchantId, ProductId, RegisterId, SaleId, StoreId},
    money::{Amount, Currency, Rounding},
    quantity::Quantity,
    receipt::{Hash, KeyId, Signature},
    sale::Flag,
    stock::Reason,
    tax::{CashStep, ComponentTax, Rate, TaxGroup, TaxMode, TaxRounding, TaxRules},
    tender::{Brand, Last4, Reference},
    text::Note,
    time::Timestamp,
};
use uuid::Uuid;

use crate::pack;

/// The value is the same after MessagePack and after JSON. Its MessagePack is handed back.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Vec<u8> {
    let packed = pack(value);
    assert_eq!(rmp_serde::from_slice::<T>(&packed).unwrap(), *value);
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value, "{json}");
    packed
}

fn refused<T: DeserializeOwned + Debug>(value: &impl Serialize) {
    let packed = pack(value);
    let decoded = rmp_serde::from_slice::<T>(&packed);
    assert!(decoded.is_err(), "{packed:?} is {decoded:?}");
}

#[test]
fn names_and_choices_are_text() {
    for (packed, text) in [
        (round_trip(&Currency::try_new("EUR").unwrap()), "EUR"),
        (round_trip(&Last4::try_new("0042").unwrap()), "0042"),
        (round_trip(&Reference::try_new("T-1/2").unwrap()), "T-1/2"),
        (round_trip(&Brand::try_new("visa").unwrap()), "visa"),
        (round_trip(&Note::try_new("Grüße\n2").unwrap()), "Grüße\n2"),
        (round_trip(&KeyId::from_bytes([7; 8])), "0707070707070707"),
        (round_trip(&Hash::from_bytes([0xab; 32])), &"ab".repeat(32)),
        (round_trip(&Signature::from_bytes([0x0c; 64])), &"0c".repeat(64)),
        (round_trip(&Rounding::HalfEven), "half_even"),
        (round_trip(&TaxMode::Included), "included"),
        (round_trip(&TaxRounding::Group), "group"),
        (round_trip(&Flag::PriceDiffers), "price_differs"),
        (round_trip(&Reason::Correction), "correction"),
    ] {
        assert_eq!(packed, pack(&text), "{text}");
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    refused::<Quantity>(&1_000_000_000_001_i64);
    refused::<Quantity>(&"1.5");
    refused::<Rate>(&10_000_001);
    refused::<Rate>(&-1);
    refused::<Amount>(&(1_i64 << 53));
    refused::<Amount>(&1.0);
    refused::<Timestamp>(&0);
    refused::<Timestamp>(&"2026-11-23T05:17:01Z");
    refused::<SaleId>(&serde_bytes::Bytes::new(&[1; 15]));
    refused::<Currency>(&"DEM");
    refused::<Last4>(&"411111");
    refused::<Note>(&"card 4111 1111 1111 1111");
    refused::<Flag>(&"from_the_future");
}

proptest! {
    #[test]
    fn ids_are_sixteen_bytes(id in any::<u128>()) {
        let id = Uuid::from_u128(id);
        let mut expected = vec![0xc4, 16];
        expected.extend(id.as_bytes());
        prop_assert_eq!(round_trip(&MerchantId::new(id)), expected.clone());
        prop_assert_eq!(round_trip(&StoreId::new(id)), expected.clone());
        prop_assert_eq!(round_trip(&RegisterId::new(id)), expected.clone());
        prop_assert_eq!(round_trip(&ProductId::new(id)), expected.clone());
        prop_assert_eq!(round_trip(&CommandId::new(id)), expected.clone());
        prop_assert_eq!(round_trip(&SaleId::new(id)), expected);
    }

    #[test]
    fn numbers_are_integers(
        amount in -Amount::MAX.get()..=Amount::MAX.get(),
        thousandths in -Quantity::MAX.thousandths()..=Quantity::MAX.thousandths(),
        millionths in 0..=10_000_000_u32,
        micros in 946_684_800_000_000..=253_402_300_799_999_999_i64,
    ) {
        prop_assert_eq!(round_trip(&Amount::try_new(amount).unwrap()), pack(&amount));
        prop_assert_eq!(round_trip(&Quantity::from_thousandths(thousandths).unwrap()), pack(&thousandths));
        prop_assert_eq!(round_trip(&Rate::try_new(millionths).unwrap()), pack(&millionths));
        prop_assert_eq!(round_trip(&Timestamp::from_micros(micros).unwrap()), pack(&micros));
    }

    #[test]
    fn tax_goes_there_and_back(net in any::<i32>(), tax in any::<i32>(), millionths in 0..=10_000_000_u32) {
        let amount = |units: i32| Amount::try_new(units.into()).unwrap();
        let gross = amount(net).checked_add(amount(tax)).unwrap();
        let component = ComponentTax { name: "state".to_owned(), rate: Rate::ZERO, tax: amount(tax) };
        let components = vec![component];
        round_trip(&TaxGroup { components, gross, net: amount(net), rate: Rate::try_new(millionths).unwrap(), tax: amount(tax) });
        for rounding in [Rounding::HalfUp, Rounding::HalfEven] {
            let cash_step = CashStep::try_new(5).unwrap();
            round_trip(&TaxRules { cash_step, mode: TaxMode::Added, per: TaxRounding::Line, rounding });
        }
    }
}
