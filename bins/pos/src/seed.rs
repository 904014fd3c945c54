//! `pos seed`: plants the demo shop.

use anyhow::Context;
use clap::Args;
use sqlx::{Connection, PgConnection};
use tillstream_runtime::Clock;
use tillstream_store::seed::{self, Shop};

use crate::{
    console::out,
    demo::{self, Owner},
    operator::{Data, Database},
};

/// Options of `pos seed`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    database: Database,
    /// How many products
    #[arg(long, default_value_t = demo::Size::default().products, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    products: u32,
    /// How many registers
    #[arg(long, default_value_t = demo::Size::default().registers, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    registers: u32,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    let size = demo::Size { products: options.products, registers: options.registers };
    let shops = [demo::cafe(size), demo::next_door()];
    let mut conn = options.database.connect(&options.data).await?;
    plant(&mut conn, &shops).await?;
    conn.close().await.context("leave the database")?;
    for (shop, owner) in shops.iter().zip([Owner::Cafe, Owner::NextDoor]) {
        out!(
            "{}: merchant {}, {} products, {} registers",
            shop.merchant.name,
            shop.merchant.id,
            shop.products.len(),
            shop.registers.len()
        );
        out!("  store    {}", owner.store());
        out!("  register {} is the first", owner.register(1));
        out!("  product  {} is the first", owner.product(1));
    }
    out!("what was there already is as it was");
    Ok(())
}

/// Plants shops, each as a whole or not at all; what is there stays as it is.
///
/// # Errors
/// When a statement fails.
pub async fn plant(conn: &mut PgConnection, shops: &[Shop]) -> anyhow::Result<()> {
    for shop in shops {
        let context = || format!("plant the demo shop {:?}", shop.merchant.name);
        let mut tx = conn.begin().await.with_context(context)?;
        seed::plant(&mut tx, shop, Clock::system().now()).await.with_context(context)?;
        tx.commit().await.with_context(context)?;
    }
    Ok(())
}
