//! A database for one test.

use std::{str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tillstream_runtime::Ids;
use tillstream_store::{MIGRATIONS, role};

/// The password of every role in tests.
const PASSWORD: &str = "7e57";
/// Names the advisory lock under which the template is made.
const TEMPLATE_LOCK: i64 = 0x7E57_0001;

/// A migrated database of its own; dropped with the server, which lives as long as the test run.
#[derive(Clone, Debug)]
pub struct Database {
    server: PgConnectOptions,
    /// The database's name.
    pub name: String,
}

impl Database {
    /// Makes a copy of the migrated template.
    ///
    /// # Panics
    /// When there is no PostgreSQL to test with.
    pub async fn create() -> Self {
        let server = server();
        let mut conn =
            PgConnection::connect_with(&server).await.expect("the PostgreSQL that scratch has started answers");
        let template = template(&server, &mut conn).await;
        let name = format!("test_{}", Ids::random().next().simple());
        sqlx::query(AssertSqlSafe(format!("create database {name} template {template} strategy file_copy")))
            .execute(&mut conn)
            .await
            .expect("the template is migrated and nobody is connected to it");
        Self { server, name }
    }

    /// Makes a database with nothing in it.
    ///
    /// # Panics
    /// When there is no PostgreSQL to test with.
    pub async fn empty() -> Self {
        let made = Self { server: server(), name: format!("empty_{}", Ids::random().next().simple()) };
        made.on_server(format!("create database {}", made.name)).await;
        made
    }

    /// A URL that logs in as `role` (without its prefix `tillstream_`).
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        let (host, port) = (self.server.get_host(), self.server.get_port());
        format!("postgres://tillstream_{role}:{PASSWORD}@{host}:{port}/{}", self.name)
    }

    /// A pool that may do everything.
    ///
    /// # Panics
    /// When PostgreSQL does not answer.
    pub async fn superuser(&self) -> PgPool {
        let options = self.server.clone().database(&self.name);
        PgPoolOptions::new().max_connections(4).connect_with(options).await.expect("PostgreSQL answers")
    }

    /// Makes the database unreachable for everybody but the superuser, as if PostgreSQL were down for this shop.
    ///
    /// # Panics
    /// When PostgreSQL does not answer.
    pub async fn stop(&self) {
        self.on_server(format!("alter database {} connection limit 0", self.name)).await;
        self.on_server(format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}' and pid <> pg_backend_pid()",
            self.name
        ))
        .await;
    }

    /// Ends what [`Database::stop`] began.
    ///
    /// # Panics
    /// When PostgreSQL does not answer.
    pub async fn start(&self) {
        self.on_server(format!("alter database {} connection limit -1", self.name)).await;
    }

    async fn on_server(&self, statement: String) {
        let mut conn = PgConnection::connect_with(&self.server).await.expect("PostgreSQL answers");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut conn).await.expect("the superuser may do this");
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where tests learn what scratch has started")]
fn server() -> PgConnectOptions {
    let url = std::env::var("TILLSTREAM_TEST_POSTGRES_URL")
        .expect("run tests with `make test`, which starts the PostgreSQL that they need");
    PgConnectOptions::from_str(&url).expect("scratch sets a PostgreSQL URL")
}

/// The migrated database that all others are copies of: made by whoever comes first.
async fn template(server: &PgConnectOptions, conn: &mut PgConnection) -> String {
    let last = MIGRATIONS.iter().last().expect("there are migrations");
    let name = format!("template_{}", hex::encode(&last.checksum[..8]));
    sqlx::query("select pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *conn)
        .await
        .expect("a lock is free some time");
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&name)
        .fetch_one(&mut *conn)
        .await
        .expect("the catalogue can be read");
    if !exists {
        let building = format!("{name}_building");
        for statement in [format!("drop database if exists {building}"), format!("create database {building}")] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *conn).await.expect("the superuser may make databases");
        }
        let mut template =
            PgConnection::connect_with(&server.clone().database(&building)).await.expect("the new database answers");
        MIGRATIONS.run(&mut template).await.expect("the migrations run from empty");
        for role in role::ROLES {
            role::allow_login(&mut template, role, PASSWORD).await.expect("the migrations have made the roles");
        }
        template.close().await.expect("the connection closes");
        // A moment in which nobody is connected is needed to rename.
        let rename = format!("alter database {building} rename to {name}");
        for _ in 0..100 {
            if sqlx::query(AssertSqlSafe(rename.clone())).execute(&mut *conn).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    sqlx::query("select pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *conn)
        .await
        .expect("the lock is ours");
    name
}
