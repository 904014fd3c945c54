//! `pos migrate`: makes the database what this version needs.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};

use anyhow::Context;
use clap::Args;
use sqlx::{Connection, PgConnection, migrate::Migration};
use tillstream_store::{MIGRATIONS, role};

use crate::{
    console::out,
    operator::{Data, Database},
};

/// Options of `pos migrate`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    database: Database,
    /// Also let the roles log in, with the passwords of this file: JSON, role to password, passwords hexadecimal
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    let mut conn = options.database.connect(&options.data).await?;
    let count = run(&mut conn, &|line| out!("{line}")).await?;
    if count == 0 {
        out!("the database is up to date");
    }
    if let Some(path) = options.passwords {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let passwords: BTreeMap<String, String> = serde_json::from_str(&text)
            .with_context(|| format!("read {}: it must map role to password", path.display()))?;
        for (name, password) in passwords {
            role::allow_login(&mut conn, &name, &password).await.with_context(|| format!("let role {name} log in"))?;
            out!("role {name} may log in");
        }
    }
    conn.close().await.context("leave the database")
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
