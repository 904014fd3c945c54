use crate::money::Amount;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::{receipt::issue, sale::Sale, shop};

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn chain(sales: &[Sale]) -> Vec<Issued> {
    let mut head = Head::GENESIS;
    let issue_next = |sale| {
        let issued = issue(&head, sale, shop::noon(), &key());
        head = issued.head();
        issued
    };
    sales.iter().map(issue_next).collect()
}

/// Three receipts of one register and two of another.
fn receipts() -> Vec<Issued> {
    let first = chain(&[1, 2, 3].map(shop::sale));
    let second = chain(&[4, 5].map(shop::other_sale));
    [first, second].concat()
}

fn export(receipts: &[Issued]) -> Vec<String> {
    let (mut exporter, header) = Exporter::new(shop::MERCHANT, shop::noon(), [key().verifying_key()]);
    let mut lines = vec![header];
    lines.extend(receipts.iter().map(|issued| exporter.receipt(issued).unwrap()));
    lines.push(exporter.finish(&key()));
    lines
}

fn verify(lines: &[String], trusted: Option<Vec<VerifyingKey>>) -> Result<Summary, Fault> {
    let mut verifier = Verifier::new(trusted);
    lines.iter().try_for_each(|line| verifier.line(line))?;
    verifier.finish()
}

/// The receipt with another content, hashed and signed again: what only the holder of the key can do.
fn resign(issued: &Issued, change: impl FnOnce(&mut Content)) -> Issued {
    let mut content = Content::parse(&issued.content).unwrap();
    change(&mut content);
    let text = content.canonical();
    let hash = Hash::of(text.as_bytes());
    Issued { number: content.number, content: text, hash, signature: key().sign(&hash), key_id: key().key_id() }
}

fn fault(lines: &[String]) -> (u64, Option<u64>, Problem) {
    let fault = verify(lines, None).unwrap_err();
    (fault.line, fault.number, fault.problem)
}

/// What is found after one receipt of a sound journal was changed by the holder of the key.
fn fault_after(at: usize, change: impl FnOnce(&mut Content)) -> (u64, Option<u64>, Problem) {
    let mut receipts = receipts();
    receipts[at] = resign(&receipts[at], change);
    fault(&export(&receipts))
}

#[test]
fn a_sound_journal_is_summed_up() {
    let summary = verify(&export(&receipts()), Some(vec![key().verifying_key()])).unwrap();
    assert_eq!((summary.merchant, summary.exported_at, summary.receipts), (shop::MERCHANT, shop::noon(), 5));
    let [first, second] = &summary.registers[..] else { panic!("two registers") };
    assert_eq!((first.register, first.count, first.number, first.hash), (shop::REGISTER, 3, 3, receipts()[2].hash));
    assert_eq!((second.register, second.count, second.number), (shop::OTHER_REGISTER, 2, 2));
    assert_eq!(
        first.totals.iter().map(|(currency, total)| (currency.code(), total.get())).collect::<Vec<_>>(),
        [("EUR", 3600)]
    );
    assert_eq!(verify(&export(&[]), None).unwrap().receipts, 0);
}

#[test]
fn only_trusted_keys_count() {
    let other = SigningKey::from_seed(&[8; 32]);
    let lines = export(&receipts());
    let untrusted = verify(&lines, Some(vec![other.verifying_key()])).unwrap_err();
    assert_eq!((untrusted.line, untrusted.problem), (2, Problem::KeyUntrusted(key().key_id())));
    let (mut exporter, header) = Exporter::new(shop::MERCHANT, shop::noon(), []);
    let line = exporter.receipt(&receipts()[0]).unwrap();
    assert_eq!(fault(&[header, line]), (2, Some(1), Problem::KeyUnknown(key().key_id())));
    let (old, new) = (key().key_id().to_string(), other.key_id().to_string());
    assert_eq!(fault(&[lines[0].replace(&old, &new)]), (1, None, Problem::KeyMislabelled(other.key_id())));
    assert_eq!(
        fault(&[lines[0].replace("journal/1", "journal/2")]).2,
        Problem::Format("tillstream-journal/2".to_owned())
    );
}

#[test]
fn the_first_bad_entry_is_named() {
    let lines = export(&receipts());
    let changed = |at: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        lines[at] = lines[at].replacen(from, to, 1);
        fault(&lines)
    };
    assert!(matches!(changed(2, "Espresso", "Expresso"), (3, Some(2), Problem::HashMismatch { .. })));
    let (good, other) = (receipts()[1].signature.to_string(), receipts()[2].signature.to_string());
    assert_eq!(changed(2, &good, &other), (3, Some(2), Problem::SignatureBad));
    assert_eq!(changed(2, &good, &good.to_uppercase()).0, 3);
    assert!(matches!(changed(2, "{", "["), (3, None, Problem::Line { .. })));
    assert_eq!(changed(2, "\",\"key", "\", \"key"), (3, None, Problem::NotCanonical));
    assert_eq!(fault(&lines[..5]), (6, None, Problem::TrailerMissing));
    assert_eq!(fault(&[]), (1, None, Problem::TrailerMissing));
    assert_eq!(fault(&[&lines[..], &lines[1..2]].concat()), (8, None, Problem::AfterTrailer));
    assert_eq!(verify(&[&lines[..2], &lines[3..]].concat(), None).unwrap_err().register, Some(shop::REGISTER));
}

#[test]
fn what_the_holder_of_the_key_does_is_found_too() {
    let receipts = receipts();
    let hash = |at: usize| receipts[at].hash;
    assert_eq!(fault_after(1, |it| it.number = 3), (3, Some(3), Problem::NumberGap { expected: 2 }));
    assert_eq!(fault_after(1, |it| it.number = 1), (3, Some(1), Problem::NumberGap { expected: 2 }));
    assert_eq!(
        fault_after(1, |it| it.previous = Hash::ZERO),
        (3, Some(2), Problem::PreviousMismatch { expected: hash(0) })
    );
    assert_eq!(
        fault_after(3, |it| it.previous = hash(2)),
        (5, Some(1), Problem::PreviousMismatch { expected: Hash::ZERO })
    );
    assert_eq!(fault_after(2, |it| it.change = Amount::ZERO), (4, Some(3), Problem::SumsMismatch));
    assert_eq!(fault_after(2, |it| it.sale = shop::sale_id(1)), (4, Some(3), Problem::SaleRepeated(shop::sale_id(1))));
    assert_eq!(fault_after(4, |it| it.sale = shop::sale_id(1)), (6, Some(2), Problem::SaleRepeated(shop::sale_id(1))));
    let stranger = MerchantId::new(shop::sale_id(9).uuid());
    assert_eq!(fault_after(4, |it| it.merchant.id = stranger), (6, Some(2), Problem::WrongMerchant(stranger)));
    // A changed receipt breaks the chain behind it.
    assert!(matches!(fault_after(0, |it| it.note = None), (3, Some(2), Problem::PreviousMismatch { .. })));
    let swapped = [&receipts[3..], &receipts[..3]].concat();
    assert_eq!(fault(&export(&swapped)), (4, Some(1), Problem::RegisterOrder));
}

#[test]
fn a_trailer_belongs_to_one_export() {
    let lines = export(&receipts());
    let shorter = export(&receipts()[..4]);
    let mut cut = shorter.clone();
    cut[5].clone_from(&lines[6]);
    assert_eq!(fault(&cut), (6, None, Problem::TrailerMismatch));
    let (_, header) = Exporter::new(shop::MERCHANT, "2027-01-01T00:00:00Z".parse().unwrap(), [key().verifying_key()]);
    assert_eq!(fault(&[&[header], &lines[1..]].concat()), (7, None, Problem::TrailerMismatch));
}

#[test]
fn a_broken_content_cannot_be_exported_and_a_tampered_one_can() {
    let (mut exporter, _) = Exporter::new(shop::MERCHANT, shop::noon(), []);
    let mut issued = receipts().swap_remove(0);
    issued.content = issued.content.replace("Espresso", "Expresso");
    assert!(exporter.receipt(&issued).is_ok());
    issued.content.truncate(10);
    assert!(matches!(exporter.receipt(&issued), Err(Problem::Content(_))));
}

static SOUND: LazyLock<Vec<String>> = LazyLock::new(|| export(&receipts()));

proptest! {
    #[test]
    fn any_changed_byte_is_found(at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = SOUND.join("\n").into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        // What is no UTF-8 is found by whoever reads the lines.
        if let Ok(text) = String::from_utf8(bytes) {
            let lines: Vec<_> = text.split('\n').map(str::to_owned).collect();
            prop_assert!(verify(&lines, None).is_err(), "byte {} to {}", at, byte);
        }
    }

    #[test]
    fn any_line_lost_doubled_or_swapped_is_found(a in 0_usize..7, b in 0_usize..7, how in 0_u8..4) {
        let mut lines = SOUND.clone();
        match how {
            0 => drop(lines.remove(a)),
            1 => lines.insert(b, lines[a].clone()),
            2 => lines.truncate(a),
            _ => lines.swap(a, b),
        }
        prop_assume!(lines != *SOUND);
        prop_assert!(verify(&lines, None).is_err());
    }

    #[test]
    fn any_cut_is_found(at in any::<prop::sample::Index>()) {
        let text = SOUND.join("\n");
        let cut = String::from_utf8_lossy(&text.as_bytes()[..at.index(text.len())]).into_owned();
        let lines: Vec<_> = cut.split('\n').map(str::to_owned).collect();
        prop_assert!(verify(&lines, None).is_err());
    }
}
