use proptest::prelude::*;

use super::*;
use tested::Tested;

#[expect(unreachable_pub, reason = "the macro is made for what leaves the crate")]
mod tested {
    crate::envelope::messages! {
        /// Two kinds.
        Tested {
            /// One.
            One(u8) = "test.one.v1",
            /// Another.
            Other(u8) = "test.other.v1",
        }
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + micros).unwrap()
}

fn cause(id: u128) -> Envelope {
    Envelope {
        id: Uuid::from_u128(id),
        kind: "test.command.v1".to_owned(),
        merchant: MerchantId::new(Uuid::from_u128(1)),
        actor: "till-1".to_owned(),
        till: None,
        approval: None,
        fingerprint: Some(ByteArray::new([9; 32])),
        at: at(0),
        origin: None,
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        reply: Some(Reply { to: "answer.1".to_owned(), ticket: 3, stage: Stage::Recorded }),
        body: ByteBuf::from(vec![1]),
    }
}

#[test]
fn an_event_has_its_causes_merchant_actor_and_trace_and_nothing_that_is_the_commands_own() {
    let event = Envelope::caused_by(&cause(7), &Tested::One(5), at(1));
    assert_eq!((event.merchant, &event.actor, &event.trace), (cause(7).merchant, &cause(7).actor, &cause(7).trace));
    assert_eq!((event.fingerprint.as_ref(), event.reply.as_ref(), event.at), (None, None, at(1)));
    assert_eq!(event.taken_at(), at(0));
    assert_eq!(Envelope::caused_by(&event, &Tested::Other(5), at(2)).taken_at(), at(0), "also further on");
    assert_eq!(event.open::<Tested>().unwrap(), Tested::One(5));
    // Golden: redelivered causes of every version must give this id.
    assert_eq!(event.id.to_string(), "e9761b23-a24b-5af2-b26e-0871957b1b52");
}

proptest! {
    #[test]
    fn an_events_id_is_a_function_of_its_cause_and_kind(first in any::<u128>(), second in any::<u128>()) {
        let id = |cause_id, event: &Tested, micros| Envelope::caused_by(&cause(cause_id), event, at(micros)).id;
        prop_assert_eq!(id(first, &Tested::One(5), 1), id(first, &Tested::One(6), 2));
        prop_assert_ne!(id(first, &Tested::One(5), 1), id(first, &Tested::Other(5), 1));
        prop_assert_eq!(id(first, &Tested::One(5), 1) == id(second, &Tested::One(5), 1), first == second);
    }

    #[test]
    fn a_batch_is_the_same_after_the_wire(ids in proptest::collection::vec(any::<u128>(), 0..5)) {
        let envelopes: Vec<_> = ids
            .iter()
            .flat_map(|id| [cause(*id), Envelope::caused_by(&cause(*id), &Tested::Other(1), at(1))])
            .collect();
        let sizes: usize = envelopes.iter().map(Envelope::size_bytes).sum();
        let batch = Batch { envelopes };
        let packed = batch.encode();
        prop_assert_eq!(Batch::decode(&packed).unwrap(), batch);
        prop_assert!(packed.len() <= sizes + 16, "{} bytes were reckoned to be {sizes}", packed.len());
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    assert!(matches!(Tested::decode("test.gone.v1", &[1]), Err(DecodeError::Kind(kind)) if kind == "test.gone.v1"));
    assert!(matches!(Tested::decode("test.one.v1", b"\xa1x"), Err(DecodeError::Body(_))));
    assert!(matches!(Batch::decode(&[0xc1]), Err(DecodeError::Batch(_))));
}

#[test]
fn each_kind_is_registered_with_its_schema() {
    let kinds: Vec<_> = Tested::KINDS.iter().map(crate::schema::Published::name).collect();
    assert_eq!(kinds, [Tested::One(1).kind(), Tested::Other(1).kind()]);
}
