use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Strategy};
use serde_bytes::ByteBuf;
use tillstream_domain::{
    id::{AccountId, CardPaymentId, CategoryId, CustomerId, MerchantId, PromotionId, ShiftId},
    money::Rounding,
    sale::{Flag, Kind, Original, Seller},
    tax::{CashStep, Component, Rate, Tax, TaxGroup, TaxMode, TaxRounding, TaxRules},
    tender::{Brand, Last4, Reference, TenderName},
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
    let step = select(vec![1, 5]).prop_map(|step| CashStep::try_new(step).unwrap());
    let per = select(vec![TaxRounding::Line, TaxRounding::Group]);
    let rounding = select(vec![Rounding::HalfUp, Rounding::HalfEven]);
    (step, mode, per, rounding).prop_map(|(cash_step, mode, per, rounding)| TaxRules { cash_step, mode, per, rounding })
}

fn seller() -> impl Strategy<Value = Seller> {
    let ids = (id(MerchantId::new), id(StoreId::new), id(RegisterId::new));
    (ids, any::<[String; 3]>()).prop_map(|((merchant, store, register), [merchant_name, store_name, register_code])| {
        Seller { merchant, merchant_name, store, store_name, register, register_code }
    })
}

fn discount() -> impl Strategy<Value = domain::Discount> {
    (amount(), any::<String>(), option::of(id(PromotionId::new)))
        .prop_map(|(amount, name, promotion)| domain::Discount { amount, name, promotion })
}

fn tax() -> impl Strategy<Value = Tax> {
    let component = ("[a-z]{1,9}", rate()).prop_map(|(name, rate)| Component { name, rate });
    (rate(), vec(component, 0..3)).prop_map(|(rate, components)| Tax::recorded(rate, components))
}

fn line() -> impl Strategy<Value = domain::Line> {
    let quantity = (-Quantity::MAX.thousandths()..=Quantity::MAX.thousandths())
        .prop_map(|thousandths| Quantity::from_thousandths(thousandths).unwrap());
    let original = option::of((id(SaleId::new), any::<u16>()).prop_map(|(sale, line)| Original { line, sale }));
    let what = (id(ProductId::new), option::of(id(CategoryId::new)), any::<[String; 3]>());
    (what, quantity, amount(), amount(), vec(discount(), 0..3), (original, any::<bool>()), tax()).prop_map(
        |(
            (product, category, [sku, name, tax_category]),
            quantity,
            unit_price,
            amount,
            discounts,
            (original, stored_value),
            tax,
        )| domain::Line {
            product,
            sku,
            name,
            category,
            quantity,
            unit_price,
            amount,
            discounts,
            original,
            stored_value,
            tax_category,
            tax,
        },
    )
}

fn payment() -> impl Strategy<Value = tender::Payment> {
    let reference = option::of("[a-z]{1,9}").prop_map(|text| text.map(|text| Reference::try_new(&text).unwrap()));
    let brand = option::of("[a-z]{1,9}").prop_map(|text| text.map(|text| Brand::try_new(&text).unwrap()));
    let last4 = option::of("[0-9]{4}").prop_map(|text| text.map(|text| Last4::try_new(&text).unwrap()));
    prop_oneof![
        amount().prop_map(|tendered| tender::Payment::Cash { tendered }),
        (amount(), reference, brand, last4, option::of(id(CardPaymentId::new))).prop_map(
            |(amount, reference, brand, last4, payment)| tender::Payment::Card {
                amount,
                reference,
                brand,
                last4,
                payment
            }
        ),
        (amount(), id(AccountId::new)).prop_map(|(amount, account)| tender::Payment::GiftCard { amount, account }),
        (amount(), id(AccountId::new)).prop_map(|(amount, account)| tender::Payment::StoreCredit { amount, account }),
        amount().prop_map(|amount| tender::Payment::Voucher { amount, reference: None }),
        amount().prop_map(|amount| tender::Payment::OnAccount { amount }),
        amount().prop_map(|amount| {
            let name = TenderName::try_new("lunch cheque").unwrap();
            tender::Payment::Custom { amount, name, reference: None }
        }),
    ]
}

fn sale() -> impl Strategy<Value = domain::Sale> {
    let component = (any::<String>(), rate(), amount())
        .prop_map(|(name, rate, tax)| tillstream_domain::tax::ComponentTax { name, rate, tax });
    let group = (vec(component, 0..2), amount(), amount(), rate(), amount())
        .prop_map(|(components, gross, net, rate, tax)| TaxGroup { components, gross, net, rate, tax });
    let kind = select(vec![Kind::Sale, Kind::Return, Kind::Exchange, Kind::Void, Kind::Training]);
    let what = (id(SaleId::new), kind, option::of(id(SaleId::new)), option::of(1_u64..1 << 53));
    let people = (option::of(id(UserId::new)), option::of(id(UserId::new)), option::of(id(CustomerId::new)));
    let who = (seller(), option::of(id(ShiftId::new)), people, moment(), moment());
    let how = (select(vec!["EUR", "JPY", "KWD"]), rules(), vec(line(), 0..4), vec(group, 0..3));
    let sums = [amount(), amount(), amount(), amount(), amount(), amount()];
    let flags = vec(select(vec![Flag::PriceDiffers, Flag::ClockAhead, Flag::Late]), 0..3);
    let note = option::of("[a-z]{1,9}").prop_map(|text| text.map(|text| Note::try_new(&text).unwrap()));
    (what, who, how, sums, vec(payment(), 0..4), flags, note).prop_map(
        |((id, kind, voids, ticket), who, (currency, rules, lines, taxes), sums, payments, flags, note)| {
            let (seller, shift, (cashier, salesperson, customer), sold_at, recorded_at) = who;
            let [net, tax, total, tip, cash_rounding, change] = sums;
            let currency = Currency::try_new(currency).unwrap();
            let ticket = ticket.map(|number| number.try_into().unwrap());
            domain::Sale {
                id,
                kind,
                voids,
                seller,
                ticket,
                shift,
                cashier,
                salesperson,
                customer,
                sold_at,
                recorded_at,
                currency,
                rules,
                lines,
                taxes,
                net,
                tax,
                total,
                tip,
                cash_rounding,
                payments,
                change,
                loyalty: None,
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
        let Event::Recorded(recorded) = decoded else { panic!("{decoded:?}") };
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
