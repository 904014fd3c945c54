//! Database, roles, streams and the demo shop of a system that is starting.

use anyhow::Context;
use sqlx::{Connection, Executor, PgConnection};
use tillstream_bus::topology::Topology;
use tillstream_store::role;

use super::Stack;
use crate::{demo, migrate, operator, seed, topology};

/// Makes the database what this version needs.
pub(super) async fn database(stack: &Stack) -> anyhow::Result<()> {
    let say = |line: &str| stack.output().say(line);
    let mut maintenance =
        PgConnection::connect(&stack.servers.maintenance_url()).await.context("connect to PostgreSQL as superuser")?;
    let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = 'tillstream')")
        .fetch_one(&mut maintenance)
        .await
        .context("look for the database tillstream")?;
    if !there {
        maintenance.execute("create database tillstream").await.context("create the database tillstream")?;
    }
    maintenance.close().await.context("leave the database postgres")?;

    let mut conn = PgConnection::connect(&stack.database_url()).await.context("connect to the database tillstream")?;
    migrate::run(&mut conn, &say).await?;
    for name in role::ROLES {
        let password = stack.secrets.postgres(name);
        role::allow_login(&mut conn, name, password.reveal())
            .await
            .with_context(|| format!("let role {name} log in"))?;
    }
    if let Some(size) = stack.options.shop {
        say(&format!("planting the demo shop: {} products, {} registers", size.products, size.registers));
        seed::plant(&mut conn, &[demo::cafe(size), demo::next_door()]).await?;
    }
    conn.close().await.context("leave the database tillstream")
}

/// Makes the streams and consumers what this version needs.
pub(super) async fn bus(stack: &Stack) -> anyhow::Result<()> {
    let bus = operator::connect_bus(&stack.bus_settings()).await?;
    let declared = Topology::declare(stack.options.partitions, &stack.options.limits);
    for line in topology::apply(&declared, &bus).await? {
        stack.output().say(&line);
    }
    Ok(())
}
