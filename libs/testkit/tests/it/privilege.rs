//! What `store::privilege` declares of each role, beside what the migrations grant.

use std::collections::BTreeSet;

use sqlx::{Connection, PgConnection};
use tillstream_store::privilege;
use tillstream_testkit::Shop;

#[tokio::test]
async fn what_is_declared_of_a_role_is_what_it_may_do() {
    let shop = Shop::open_idle().await;
    let pool = shop.database.superuser().await;
    let mut conn = pool.acquire().await.unwrap();
    let found: BTreeSet<_> = privilege::privileges(&mut conn).await.unwrap().into_iter().collect();
    assert_eq!(found, privilege::declared());
    for (what, found) in [
        ("powers", privilege::powers(&mut conn).await),
        ("open schemas", privilege::open_schemas(&mut conn).await),
        ("unconfined tables", privilege::unconfined(&mut conn).await),
        ("readable secrets", privilege::readable_secrets(&mut conn).await),
        ("unsafe functions", privilege::unsafe_functions(&mut conn).await),
    ] {
        assert_eq!(found.unwrap(), [""; 0], "{what}");
    }
}

#[tokio::test]
async fn a_part_can_not_ask_about_others() {
    let shop = Shop::open_idle().await;
    let mut conn = PgConnection::connect(&shop.database.url("edge")).await.unwrap();
    assert!(privilege::weak_passwords(&mut conn).await.is_err());
    assert!(privilege::entrances(&mut conn).await.is_err());
}

#[tokio::test]
async fn a_view_that_reads_as_its_owner_is_found() {
    let shop = Shop::open_idle().await;
    let mut conn = shop.database.superuser().await.acquire().await.unwrap();
    sqlx::query("create view sales.everyones as select * from sales.totals").execute(&mut *conn).await.unwrap();
    assert_eq!(privilege::unconfined(&mut conn).await.unwrap(), ["sales.everyones reads as its owner"]);
    sqlx::query("alter view sales.everyones set (security_invoker = on)").execute(&mut *conn).await.unwrap();
    assert_eq!(privilege::unconfined(&mut conn).await.unwrap(), [""; 0]);
}
