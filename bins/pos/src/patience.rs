//! Lengths of time on the command line, and trying again until one is over.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::time::{Instant, sleep};

const DAY: Duration = Duration::from_hours(24);
/// Nobody knows of a key for longer.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);
/// Between two tries: the first pause doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// For how long to try again.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Wait {
    /// Try again for so long while the server is not there: a number of d, h, m or s [default: do not]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
}

impl Wait {
    /// Makes attempts until one succeeds or the time is over. Says why it tries again, once for each reason.
    pub(crate) async fn for_success<T>(self, mut attempt: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let until = self.wait.map(|wait| Instant::now() + wait);
        let (mut pause, mut said) = (PAUSE_FIRST, String::new());
        loop {
            let failure = match attempt().await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now() + pause)) else {
                return Err(failure);
            };
            let reason = format!("{failure:#}");
            if reason != said {
                eprintln!("pos: {reason}; trying again for up to {} s", left.as_secs() + 1);
                said = reason;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }
}

/// Reads `30d`, `12h`, `90m` or `45s`.
pub(crate) fn duration(text: &str) -> anyhow::Result<Duration> {
    let number = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "d" => DAY,
        "h" => Duration::from_hours(1),
        "m" => Duration::from_mins(1),
        "s" => Duration::from_secs(1),
        _ => bail!("write a number and d, h, m or s, for example 30d"),
    };
    let count: u32 = number.parse().context("write a number and d, h, m or s, for example 30d")?;
    match unit.checked_mul(count) {
        Some(valid) if !valid.is_zero() && valid <= LONGEST => Ok(valid),
        _ => bail!("it must be between 1s and {} days", LONGEST.as_secs() / DAY.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_bounds() {
        assert_eq!(duration("30d").unwrap(), 30 * DAY);
        assert_eq!(duration("45s").unwrap(), Duration::from_secs(45));
        for text in ["30", "d", "0s", "1y", "4000d", "-1d", "99999999999999999999d", "5ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn it_is_tried_again_until_the_time_is_over() {
        let mut tries = 0;
        let third = async || {
            tries += 1;
            anyhow::ensure!(tries == 3, "not yet");
            Ok(tries)
        };
        let wait = Wait { wait: Some(Duration::from_mins(1)) };
        assert_eq!(wait.for_success(third).await.unwrap(), 3);
        let mut tries = 0;
        let never = async || -> anyhow::Result<()> {
            tries += 1;
            bail!("never")
        };
        assert!(Wait { wait: None }.for_success(never).await.is_err());
        assert_eq!(tries, 1);
        let began = Instant::now();
        let wait = Wait { wait: Some(Duration::from_millis(500)) };
        assert!(wait.for_success(async || -> anyhow::Result<()> { bail!("never") }).await.is_err());
        assert!((200..5_000).contains(&began.elapsed().as_millis()));
    }
}
