//! `pos smoke`: sells one item over HTTP, and waits until all that follows has followed.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tillstream_domain::{id::MerchantId, quantity::Quantity};
use tillstream_runtime::Ids;
use tokio::time::sleep;

use crate::{
    console::out,
    demo::Owner,
    load::{
        Shop, Target, Till, Until,
        client::{Client, NotFine},
        shop::{Product, Register},
        till::Ending,
    },
    patience::duration,
    token,
};

/// How long one answer may take.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a token is good for that is minted for this.
const VALID: Duration = Duration::from_mins(10);

/// Options of `pos smoke`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the API is
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A file with a bearer token
    #[arg(long, value_name = "FILE", required_unless_present = "key")]
    token_file: Option<PathBuf>,
    /// The key to mint a token with, in place of a token
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    key: Option<PathBuf>,
    /// The merchant who sells. The sale is a real one in the books
    #[arg(long, value_name = "ID", default_value_t = Owner::Cafe.merchant())]
    merchant: MerchantId,
    /// ISO 4217 code of the merchant's currency
    #[arg(long, default_value = "EUR")]
    currency: String,
    /// How long all of it may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    wait: Duration,
}

pub(crate) async fn command(options: Options) -> anyhow::Result<()> {
    let token = match (&options.token_file, &options.key) {
        (Some(file), _) => fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?,
        (None, Some(key)) => token::mint(key, options.merchant, VALID)?,
        (None, None) => bail!("give --token-file or --key"),
    };
    let target = Target::new(&options.url, Some(token.trim()))?;
    let give_up = Instant::now() + options.wait;
    let mut smoke = Smoke { client: Client::new(target.clone(), TIME_OUT), give_up };

    let currency = options.currency.as_str();
    let shop = smoke.until("the shop can be read", async |_| Shop::fetch(&target, currency, 1).await).await?;
    let (register, product) = (shop.registers[0], shop.products[0]);
    let before = smoke.until("stock can be read", async |smoke| smoke.on_hand(register, product).await).await?;
    let id = smoke.sell(&target, currency, register, product).await?;
    out!("sold and recorded: sale {id}");
    // Reads may come from a replica, which may lag.
    let path = format!("/v1/sales/{id}/receipt");
    let receipt: Value = smoke.until("the receipt can be read", async |smoke| smoke.client.json(&path).await).await?;
    out!("receipt issued: number {}", receipt["number"]);
    let after = smoke
        .until("the sale has moved stock", async |smoke| {
            let now = smoke.on_hand(register, product).await?;
            ensure!(now <= before - 1_000, "{now} thousandths on hand, {before} before the sale");
            Ok(now)
        })
        .await?;
    out!("stock moved: {before} thousandths before, {after} after");
    Ok(())
}

struct Smoke {
    client: Client,
    give_up: Instant,
}

impl Smoke {
    /// Looks until it is so, or never will be.
    async fn until<T>(
        &mut self,
        what: &str,
        mut look: impl AsyncFnMut(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        loop {
            match look(self).await {
                Ok(value) => return Ok(value),
                Err(failure) if Instant::now() > self.give_up || is_final(&failure) => {
                    return Err(failure.context(format!("wait until {what}")));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Sells one, and returns the sale's id once it is recorded and receipted.
    async fn sell(
        &self,
        target: &Target,
        currency: &str,
        register: Register,
        product: Product,
    ) -> anyhow::Result<String> {
        let key = Ids::random().next();
        // Enough, also where tax is added to the price.
        let tendered = product.unit_price.saturating_mul(2).max(1);
        let sale = json!({
            "store": register.store, "register": register.id, "currency": currency,
            "lines": [{"product": product.id, "quantity": "1"}],
            "payments": [{"method": "cash", "tendered": tendered}],
        });
        let patience = self.give_up.saturating_duration_since(Instant::now());
        let mut till = Till::new(target.clone(), Until::Receipt, patience, 0);
        let sold = till.sell(key, sale.to_string().into()).await;
        match sold.ending {
            Ending::Recorded(_) => Ok(key.to_string()),
            Ending::Accepted => bail!("the sale {key} was accepted, and is not recorded yet"),
            Ending::Refused(status, body) => {
                bail!("the sale {key} was refused: {status} {}", String::from_utf8_lossy(&body))
            }
            Ending::GivenUp => bail!("the sale {key} did not get through in time: {}", sold.troubles.join(", ")),
        }
    }

    /// How much is there, in thousandths; nothing where nothing was ever booked.
    async fn on_hand(&mut self, register: Register, product: Product) -> anyhow::Result<i64> {
        let path = format!("/v1/stock/levels?store={}&product={}", register.store, product.id);
        let levels: Value = self.client.json(&path).await?;
        match levels["items"][0]["on_hand"].as_str() {
            Some(text) => {
                Ok(text.parse::<Quantity>().with_context(|| format!("read the level {text:?}"))?.thousandths())
            }
            None => Ok(0),
        }
    }
}

fn is_final(failure: &anyhow::Error) -> bool {
    failure.downcast_ref::<NotFine>().is_some_and(NotFine::is_final)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Serves these statuses, one a connection.
    async fn serve(statuses: &'static [u16]) -> Smoke {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::new(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
        tokio::spawn(async move {
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntrue");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Smoke { client: Client::new(target, TIME_OUT), give_up: Instant::now() + Duration::from_mins(1) }
    }

    #[tokio::test]
    async fn what_is_not_there_yet_is_looked_for_again() {
        let mut smoke = serve(&[503, 404, 429, 200]).await;
        let found = smoke.until("it is there", async |smoke| smoke.client.json::<Value>("/").await).await;
        assert_eq!(found.unwrap(), Value::Bool(true));
    }

    #[tokio::test]
    async fn what_is_refused_is_not() {
        for statuses in [&[401, 200], &[403, 200], &[400, 200]] {
            let mut smoke = serve(statuses).await;
            let found = smoke.until("it is there", async |smoke| smoke.client.json::<Value>("/").await).await;
            assert!(format!("{:#}", found.unwrap_err()).contains("answers 40"), "{statuses:?}");
        }
    }
}
