//! Passwords of roles on their way to PostgreSQL.

use sqlx::{Connection, PgConnection};
use tillstream_store::role;
use tillstream_testkit::Shop;

#[tokio::test]
async fn a_password_is_in_no_statement() {
    let shop = Shop::open_idle().await;
    let pool = shop.database.superuser().await;
    let (mut conn, password) = (pool.acquire().await.unwrap(), "7e57");
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *conn).await.unwrap();
    role::allow_login(&mut conn, "tillstream_receipts", password).await.unwrap();
    // What the server shows, and logs if it is told to.
    let statement: String = sqlx::query_scalar("select query from pg_stat_activity where pid = $1")
        .bind(pid)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert!(statement.contains("alter role tillstream_receipts login password 'SCRAM-SHA-256$"), "{statement}");
    assert!(!statement.contains(&format!("'{password}'")), "{statement}");
    PgConnection::connect(&shop.database.url("receipts")).await.unwrap();
}
