//! `pos migrate`: makes the database what this version needs.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Context;
use clap::Args;
use sqlx::{Connection, PgConnection, migrate::Migration};
use tillstream_servers::Password;
use tillstream_store::{MIGRATIONS, role};

use crate::{
    console::out,
    operator::{Data, Database},
    patience::Wait,
    secrets::{self, postgres_file},
};

/// Options of `pos migrate`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    wait: Wait,
    /// Also let the roles log in, with the passwords in this folder, as `pos secrets init` makes them: postgres-edge,
    /// postgres-sales, postgres-stock, postgres-receipts
    #[arg(long, value_name = "DIR")]
    passwords: Option<PathBuf>,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    // Read before anything is changed.
    let passwords = options.passwords.as_deref().map(logins).transpose()?.unwrap_or_default();
    let mut conn = options.wait.for_success(async || options.database.connect(&options.data).await).await?;
    let count = run(&mut conn, &|line| out!("{line}")).await?;
    if count == 0 {
        out!("the database is up to date");
    }
    for (name, password) in passwords {
        let allowed = role::allow_login(&mut conn, name, password.reveal()).await;
        allowed.with_context(|| format!("let role {name} log in"))?;
        out!("role {name} may log in");
    }
    conn.close().await.context("leave the database")
}

/// The password of each role.
fn logins(dir: &Path) -> anyhow::Result<Vec<(&'static str, Password)>> {
    let passwords = role::ROLES.into_iter().map(|role| Ok((role, secrets::password(dir, &postgres_file(role))?)));
    passwords.collect()
}

/// Runs the migrations that are missing, says what it does, and returns how many there were.
///
/// # Errors
/// When one fails; those before it stay.
pub async fn run(conn: &mut PgConnection, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<usize> {
    let applied = applied(conn).await?;
    let mut count = 0;
    for migration in MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)) {
        let began = Instant::now();
        MIGRATIONS
            .run_to(migration.version, &mut *conn)
            .await
            .with_context(|| format!("migrate to {}", name(migration)))?;
        say(&format!("migrated to {} in {} ms", name(migration), began.elapsed().as_millis()));
        count += 1;
    }
    let later: Vec<_> = applied.iter().filter(|version| !MIGRATIONS.version_exists(**version)).collect();
    if !later.is_empty() {
        say(&format!("the database is of a later version (it has migrations {later:?}); this version works with it"));
        return Ok(count);
    }
    // Also with nothing to do: it compares what was run with what this version has.
    MIGRATIONS.run(conn).await.context("compare the database's migrations with those of this version")?;
    Ok(count)
}

/// The migrations that have not been run, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn pending(conn: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let applied = applied(conn).await?;
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).map(name).collect())
}

async fn applied(conn: &mut PgConnection) -> anyhow::Result<Vec<i64>> {
    let there: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut *conn)
        .await
        .context("look for the list of migrations")?;
    if !there {
        return Ok(Vec::new());
    }
    let versions = sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(conn);
    versions.await.context("read the list of migrations")
}

fn name(migration: &Migration) -> String {
    format!("{:04} {}", migration.version, migration.description)
}
