use std::time::Duration;

use tillstream_domain::id::{MerchantId, StoreId};
use tillstream_terminal::{Failure, Key, Order, Provider, Simulator, Status};
use tokio::time::{advance, timeout};
use uuid::Uuid;

use crate::{key, order};

const SLOW: Duration = Duration::from_secs(3);

async fn status(simulator: &Simulator, payment: u128) -> Option<Status> {
    simulator.ask(key(payment)).await.unwrap().map(|payment| payment.status)
}

/// What is answered to a start, what is so at once, and what is so in the end.
#[tokio::test(start_paused = true)]
async fn an_amount_says_what_happens() {
    use Status::{Cancelled, Captured, Declined, Pending};
    for (units, answered, first, last) in [
        (200, true, Some(Captured), Some(Captured)),
        (201, true, Some(Declined), Some(Declined)),
        (205, true, Some(Declined), Some(Declined)),
        (255, true, Some(Declined), Some(Declined)),
        (260, true, Some(Pending), Some(Captured)),
        (261, true, Some(Pending), Some(Cancelled)),
        (262, false, Some(Captured), Some(Captured)),
        (263, false, Some(Pending), Some(Captured)),
        (264, false, None, None),
        (266, true, Some(Pending), Some(Pending)),
        (267, true, Some(Captured), Some(Captured)),
    ] {
        let simulator = Simulator::new(SLOW);
        let order = order(units);
        let answer = timeout(Duration::from_secs(1), simulator.start(key(1), &order)).await;
        assert_eq!(answer.is_ok(), answered, "{units}");
        assert_eq!(status(&simulator, 1).await, first, "{units}");
        advance(SLOW).await;
        assert_eq!(status(&simulator, 1).await, last, "{units}");
        assert_eq!(simulator.captures(key(1)), u32::from(last == Some(Captured)), "{units}");
    }
}

#[tokio::test(start_paused = true)]
async fn money_is_taken_once_for_a_key_and_given_back_once() {
    let simulator = Simulator::new(SLOW);
    for _ in 0..2 {
        assert_eq!(simulator.start(key(1), &order(200)).await.unwrap().status, Status::Captured);
    }
    assert_eq!(simulator.cancel(key(1)).await.unwrap().status, Status::Captured, "it is too late for that");
    for _ in 0..2 {
        assert_eq!(simulator.refund(key(1)).await.unwrap().status, Status::Refunded);
    }
    assert_eq!(simulator.captures(key(1)), 1);
    assert!(simulator.refund(key(2)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_before_it_is_started_is_never_started() {
    let simulator = Simulator::new(SLOW);
    assert_eq!(simulator.cancel(key(1)).await.unwrap().status, Status::Cancelled);
    assert_eq!(simulator.start(key(1), &order(200)).await.unwrap().status, Status::Cancelled);
    assert_eq!(simulator.captures(key(1)), 0);
}

#[tokio::test(start_paused = true)]
async fn captures_come_in_order_and_once() {
    let simulator = Simulator::new(SLOW);
    for (payment, units) in [(1, 260), (2, 200), (3, 201)] {
        simulator.start(key(payment), &order(units)).await.unwrap();
    }
    let keys = async |cursor: Option<&str>| {
        let page = simulator.captured_since(cursor).await.unwrap();
        (page.items.iter().map(|payment| payment.key).collect::<Vec<_>>(), page.next)
    };
    let (found, next) = keys(None).await;
    assert_eq!(found, [key(2)]);
    advance(SLOW).await;
    let (found, next) = keys(Some(&next)).await;
    assert_eq!(found, [key(1)]);
    assert_eq!(keys(Some(&next)).await.0, []);
    assert!(simulator.captured_since(Some("x")).await.is_err());
    assert_eq!(keys(Some("9")).await.0.len(), 2, "a cursor of books that were lost begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_is_the_stores_that_used_it_first() {
    let simulator = Simulator::new(SLOW);
    simulator.start(key(1), &order(200)).await.unwrap();
    let elsewhere = Order { store: StoreId::new(Uuid::from_u128(9)), ..order(200) };
    let stranger = Key { merchant: MerchantId::new(Uuid::from_u128(9)), ..key(2) };
    for (key, order) in [(key(2), elsewhere.clone()), (stranger, order(200))] {
        assert!(matches!(simulator.start(key, &order).await, Err(Failure::Refused(_))));
        assert_eq!(simulator.ask(key).await.unwrap(), None, "nothing was shown");
    }
    let another = Order { terminal: "T2".to_owned(), ..elsewhere };
    assert_eq!(simulator.start(key(2), &another).await.unwrap().status, Status::Captured);
}

#[tokio::test(start_paused = true)]
async fn what_was_given_back_is_listed_again() {
    let simulator = Simulator::new(SLOW);
    simulator.start(key(1), &order(200)).await.unwrap();
    let next = simulator.captured_since(None).await.unwrap().next;
    simulator.refund(key(1)).await.unwrap();
    let page = simulator.captured_since(Some(&next)).await.unwrap();
    assert_eq!(page.items.iter().map(|payment| payment.status).collect::<Vec<_>>(), [Status::Refunded]);
}
