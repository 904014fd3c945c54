use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Strategy};
use serde_bytes::ByteBuf;
use tillstream_domain::{
    money::Rounding,
    tax::{TaxMode, TaxRounding},
};

use super::*;
use crate::Message;

fn id<T>(new: fn(Uuid) -> T) -> impl Strategy<Value = T>
where
    T: std::fmt::Debug,
{
    any::<u128>().prop_map(move |id| new(Uuid::from_u128(id)))
}

fn amount() -> impl Strategy<Value = Amount> {
    (-Amount::MAX.get()..=Amount::MAX.get()).prop_map(|units| Amount::try_new(units).unwrap())
}

fn rate() -> impl Strategy<Value = Rate> {
    (0..=10_000_000_u32).prop_map(|millionths| Rate::try_new(millionths).unwrap())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (946_684_800_000_000..=253_402_300_799_999_999_i64).prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn rules() -> impl Strategy<Value = TaxRules> {
    let mode = select(vec![TaxMode::Included, TaxMode::Added]);
    let per = select(vec![TaxRounding::Line, TaxRounding::Group]);
    let rounding = select(vec![Rounding::HalfUp, Rounding::HalfEven]);
    (mode, per, rounding).prop_map(|(mode, per, rounding)| TaxRules { mode, per, rounding })
}

fn seller() -> impl Strategy<Value = Seller> {
    let ids = (id(MerchantId::new), id(StoreId::new), id(RegisterId::new));
    (ids, any::<[String; 3]>()).prop_map(|((merchant, store, register), [merchant_name, store_name, register_code])| {
        Seller { merchant, merchant_name, store, store_name, register, register_code }
    })
}

fn line() -> impl Strategy<Value = domain::Line> {
    let quantity = (-Quantity::MAX.thousandths()..=Quantity::MAX.thousandths())
        .prop_map(|thousandths| Quantity::from_thousandths(thousandths).unwrap());
    (id(ProductId::new), any::<[String; 3]>(), quantity, amount(), amount(), rate()).prop_map(
        |(product, [sku, name, tax_category], quantity, unit_price, amount, tax_rate)| domain::Line {
            product,
            sku,
            name,
            quantity,
            unit_price,
            amount,
            tax_category,
            tax_rate,
        },
    )
}

fn payment() -> impl Strategy<Value = tender::Payment> {
    let reference = option::of("[a-z]{1,9}").prop_map(|text| text.map(|text| Reference::try_new(&text).unwrap()));
    let brand = option::of("[a-z]{1,9}").prop_map(|text| text.map(|text| Brand::try_new(&text).unwrap()));
    let last4 = option::of("[0-9]{4}").prop_map(|text| text.map(|text| Last4::try_new(&text).unwrap()));
    prop_oneof![
        amount().prop_map(|tendered| tender::Payment::Cash { tendered }),
        (amount(), reference, brand, last4).prop_map(|(amount, reference, brand, last4)| tender::Payment::Card {
            amount,
            reference,
            brand,
            last4
        }),
    ]
}

fn sale() -> impl Strategy<Value = domain::Sale> {
    let group =
        (amount(), amount(), rate(), amount()).prop_map(|(gross, net, rate, tax)| TaxGroup { gross, net, rate, tax });
    let who = (id(SaleId::new), seller(), moment(), moment());
    let how = (select(vec!["EUR", "JPY", "KWD"]), rules(), vec(line(), 0..4), vec(group, 0..3));
    let sums = (amount(), amount(), amount(), amount());
    let flags = vec(select(vec![Flag::PriceDiffers, Flag::ClockAhead, Flag::Late]), 0..3);
    let note = option::of("[a-z]{1,9}").prop_map(|text| text.map(|text| Note::try_new(&text).unwrap()));
    (who, how, sums, vec(payment(), 0..4), flags, note).prop_map(
        |((id, seller, sold_at, recorded_at), (currency, rules, lines, taxes), sums, payments, flags, note)| {
            let (net, tax, total, change) = sums;
            let currency = Currency::try_new(currency).unwrap();
            domain::Sale {
                id,
                seller,
                sold_at,
                recorded_at,
                currency,
                rules,
                lines,
                taxes,
                net,
                tax,
                total,
                payments,
                change,
                flags,
                note,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_sale_is_the_same_after_the_wire(sale in sale()) {
        let event = Event::Recorded(Recorded { sale: Sale::from(sale.clone()) });
        let decoded = Event::decode(event.kind(), &event.encode()).unwrap();
        prop_assert_eq!(&decoded, &event);
        let Event::Recorded(recorded) = decoded;
        let json = serde_json::to_string(&recorded.sale).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Sale>(&json).unwrap(), &recorded.sale);
        prop_assert_eq!(domain::Sale::from(recorded.sale), sale);
    }
}

#[test]
fn a_submission_has_id_and_time_of_its_envelope() {
    let json = r#"{"store":"018f0000-0000-7000-8000-0000000000b1","register":"018f0000-0000-7000-8000-0000000000c1",
        "currency":"EUR","lines":[{"product":"018f0000-0000-7000-8000-0000000000d1","quantity":"2"}],"payments":[]}"#;
    let mut new: NewSale = serde_json::from_str(json).unwrap();
    let command = Command::Submit(new.clone());
    let at = Timestamp::from_micros(1_800_000_000_000_000).unwrap();
    let envelope = Envelope {
        id: Uuid::from_u128(7),
        kind: command.kind().to_owned(),
        merchant: MerchantId::new(Uuid::from_u128(1)),
        actor: "till-1".to_owned(),
        till: None,
        approval: None,
        fingerprint: None,
        at,
        origin: None,
        trace: None,
        reply: None,
        body: ByteBuf::from(command.encode()),
    };
    assert_eq!(envelope.open::<Command>().unwrap(), command);
    let submission = new.submission(&envelope);
    assert_eq!((submission.id, submission.sold_at), (SaleId::new(envelope.id), at));
    let earlier = Timestamp::from_micros(at.micros() - 1).unwrap();
    new.sold_at = Some(earlier);
    assert_eq!(new.submission(&envelope).sold_at, earlier);
}
