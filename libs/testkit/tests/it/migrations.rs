//! Migrations: one that fails leaves the database as it was.

use sqlx::Connection;
use tillstream_store::MIGRATIONS;
use tillstream_testkit::Database;

#[tokio::test]
async fn a_migration_that_fails_half_way_leaves_nothing_and_runs_again() {
    let database = Database::empty().await;
    let pool = database.superuser().await;
    // The first migration makes this schema last.
    sqlx::query("create schema receipts").execute(&pool).await.unwrap();
    let mut first = pool.acquire().await.unwrap().detach();
    let failure = MIGRATIONS.run(&mut first).await.unwrap_err().to_string();
    // A run holds a lock for as long as its connection lasts.
    first.close().await.unwrap();
    assert!(failure.contains("schema \"receipts\" already exists"), "{failure}");
    let left: i64 =
        sqlx::query_scalar("select count(*) from pg_namespace where nspname in ('catalog', 'inbox', 'sales', 'stock')")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(left, 0, "what came before the failure is undone");

    sqlx::query("drop schema receipts").execute(&pool).await.unwrap();
    MIGRATIONS.run(&pool).await.unwrap();
    MIGRATIONS.run(&pool).await.unwrap();
}
