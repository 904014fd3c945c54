//! `pos migrate` of an older version on the database of a newer one, as after going back.

use std::sync::Mutex;

use sqlx::{Connection, PgConnection};
use tillstream_pos::migrate;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_later_database_is_left_as_it_is() {
    let shop = Shop::new();
    let running = shop.up();
    let mut conn = PgConnection::connect(&running.known().database).await.unwrap();
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a later version', true, '\\x00', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    let said = Mutex::new(Vec::new());
    let count = migrate::run(&mut conn, &|line| said.lock().unwrap().push(line.to_owned())).await.unwrap();
    let said = said.into_inner().unwrap();
    assert_eq!(count, 0);
    assert!(said.len() == 1 && said[0].contains("later version") && said[0].contains("9999"), "{said:?}");
    drop(conn);
    assert_eq!(running.stop().code(), Some(0));
}
