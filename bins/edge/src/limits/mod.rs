//! How much anybody may ask for: requests by address, token and merchant, and commands that wait.

mod gcra;
mod meter;
mod shares;

use std::{fmt::Write, num::NonZeroU32};

use anyhow::Context;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus::{IntCounter, IntCounterVec};
use tillstream_domain::time::Timestamp;
use tillstream_runtime::metrics::Metrics;

pub(crate) use self::shares::{Place, Shares};
use self::{
    gcra::{Rate, Standing, seconds},
    meter::Meter,
};
use crate::{ClientAddress, Edge, Network, caller::Caller, config::LimitSettings, problem::Problem};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// By what requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Address,
    Token,
    Merchant,
}

impl By {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Token => "token",
            Self::Merchant => "merchant",
        }
    }
}

/// The rates of one edge. What others let through is not known here: a rate of the whole system is this one times the
/// number of edges, at the most.
#[derive(Debug)]
pub(crate) struct Limits {
    address: Gate,
    token: Gate,
    merchant: Gate,
    policy: HeaderValue,
    refused_commands: IntCounter,
    /// From when on time is counted, so that nanoseconds are good for centuries.
    begun: Timestamp,
}

#[derive(Debug)]
struct Gate {
    by: By,
    meter: Meter,
    refused: IntCounter,
}

/// The limit that is nearest to be reached, among those that a request was counted by.
#[derive(Clone, Copy, Debug)]
struct Nearest {
    by: By,
    standing: Standing,
    burst: u32,
}

impl Limits {
    /// # Errors
    /// When a rate or a burst is zero.
    pub(crate) fn new(settings: &LimitSettings, metrics: &Metrics, now: Timestamp) -> anyhow::Result<Self> {
        let refused = metrics.counter(
            "tillstream_edge_limited_total",
            "Requests that were answered 429, by the limit: address, token, merchant, commands",
            &["limit"],
        );
        let gate = |by: By, per_s, burst| Gate::new(by, per_s, burst, &refused);
        let address = gate(By::Address, settings.address_per_s, settings.address_burst)?;
        let token = gate(By::Token, settings.token_per_s, settings.token_burst)?;
        let merchant = gate(By::Merchant, settings.merchant_per_s, settings.merchant_burst)?;
        let policy = [&address, &token, &merchant].map(Gate::policy).join(", ");
        let policy = HeaderValue::from_str(&policy).expect("names and numbers are plain ASCII");
        let refused_commands = refused.with_label_values(&["commands"]);
        Ok(Self { address, token, merchant, policy, refused_commands, begun: now })
    }

    /// Counts a request by the address that it comes from.
    fn admit_address(&self, network: Network, now: Timestamp) -> Result<Nearest, Problem> {
        self.address.take(&network, self.since_begun_ns(now))
    }

    /// Counts a request by who sends it, and for whom.
    fn admit_caller(&self, caller: &Caller, now: Timestamp) -> Result<Nearest, Problem> {
        let now = self.since_begun_ns(now);
        let token = self.token.take(&(caller.merchant(), caller.actor()), now)?;
        let merchant = self.merchant.take(&caller.merchant(), now)?;
        Ok(token.or_nearer(merchant))
    }

    fn since_begun_ns(&self, now: Timestamp) -> i64 {
        (now.micros() - self.begun.micros()).saturating_mul(1_000)
    }

    /// Counts commands that find no place.
    pub(crate) fn refused_commands(&self) -> IntCounter {
        self.refused_commands.clone()
    }
}

impl Gate {
    fn new(by: By, per_s: u32, burst: u32, refused: &IntCounterVec) -> anyhow::Result<Self> {
        let name = by.name();
        let positive = |setting: &str, value| {
            NonZeroU32::new(value).with_context(|| format!("the setting limits.{name}_{setting} must be 1 or more"))
        };
        let rate = Rate::new(positive("per_s", per_s)?, positive("burst", burst)?);
        Ok(Self { by, meter: Meter::new(rate), refused: refused.with_label_values(&[name]) })
    }

    /// As draft-ietf-httpapi-ratelimit-headers has it: a quota, and the seconds in which it is given back.
    fn policy(&self) -> String {
        let rate = self.meter.rate();
        format!("\"{}\";q={};w={}", self.by.name(), rate.burst(), rate.window_s())
    }

    fn take(&self, key: &impl std::hash::Hash, now_ns: i64) -> Result<Nearest, Problem> {
        let standing = self.meter.take(key, now_ns);
        if let Some(wait) = standing.refused_for_ns {
            self.refused.inc();
            return Err(Problem::TooManyRequests(self.by, seconds(wait)));
        }
        Ok(Nearest { by: self.by, standing, burst: self.meter.rate().burst() })
    }
}

impl Nearest {
    /// The one that has the smaller part left.
    fn or_nearer(self, other: Self) -> Self {
        let part = |of: &Self, by: &Self| u64::from(of.standing.remaining) * u64::from(by.burst);
        if part(&other, &self) < part(&self, &other) { other } else { self }
    }

    fn show(&self, policy: &HeaderValue, headers: &mut HeaderMap) {
        let mut text = String::with_capacity(40);
        let standing = self.standing;
        write!(text, "\"{}\";r={};t={}", self.by.name(), standing.remaining, seconds(standing.whole_in_ns))
            .expect("writing to memory cannot fail");
        headers.insert(RATE_LIMIT, HeaderValue::from_str(&text).expect("names and numbers are plain ASCII"));
        headers.insert(RATE_LIMIT_POLICY, policy.clone());
    }
}

/// Counts requests for the API by address, before anything else is done for them.
pub(crate) async fn by_address(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ClientAddress>().copied();
    let Some(address) = address.filter(|_| request.uri().path().starts_with("/v1/")) else {
        return next.run(request).await;
    };
    let limits = &edge.0.limits;
    match limits.admit_address(address.network(), edge.0.clock.now()) {
        Ok(nearest) => {
            request.extensions_mut().insert(nearest);
            let mut response = next.run(request).await;
            // Where the caller is known, its own limits are told already.
            if !response.headers().contains_key(RATE_LIMIT) {
                nearest.show(&limits.policy, response.headers_mut());
            }
            response
        }
        Err(problem) => refuse(problem, limits),
    }
}

/// Counts requests by caller, once it is known.
pub(crate) async fn by_caller(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    // What was not counted by address is nothing of the API.
    let (Some(caller), Some(by_address)) = (Caller::known(extensions), extensions.get::<Nearest>()) else {
        return next.run(request).await;
    };
    let limits = &edge.0.limits;
    match limits.admit_caller(caller, edge.0.clock.now()) {
        Ok(nearest) => {
            let nearest = nearest.or_nearer(*by_address);
            let mut response = next.run(request).await;
            nearest.show(&limits.policy, response.headers_mut());
            response
        }
        Err(problem) => refuse(problem, limits),
    }
}

fn refuse(problem: Problem, limits: &Limits) -> Response {
    let told = match &problem {
        Problem::TooManyRequests(by, wait_s) => Some(format!("\"{}\";r=0;t={wait_s}", by.name())),
        _ => None,
    };
    let mut response = problem.into_response();
    if let Some(told) = told {
        let headers = response.headers_mut();
        headers.insert(RATE_LIMIT, HeaderValue::from_str(&told).expect("names and numbers are plain ASCII"));
        headers.insert(RATE_LIMIT_POLICY, limits.policy.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use tillstream_runtime::settings;

    use super::*;
    use crate::Config;

    fn usual() -> LimitSettings {
        settings::load::<Config>(None).unwrap().limits
    }

    fn opened(settings: &LimitSettings) -> anyhow::Result<Limits> {
        Limits::new(settings, &Metrics::default(), Timestamp::from_micros(1_700_000_000_000_000).unwrap())
    }

    #[test]
    fn a_setting_that_lets_nobody_in_is_refused() {
        let failure = opened(&LimitSettings { merchant_burst: 0, ..usual() }).unwrap_err();
        assert_eq!(failure.to_string(), "the setting limits.merchant_burst must be 1 or more");
    }

    #[test]
    fn the_limit_that_is_nearest_is_told() {
        let limits = opened(&LimitSettings { merchant_burst: 10, merchant_per_s: 1, ..usual() }).unwrap();
        let near = limits.merchant.take(&"merchant", 0).unwrap();
        let far = limits.token.take(&"token", 0).unwrap();
        for nearest in [near.or_nearer(far), far.or_nearer(near)] {
            let mut headers = HeaderMap::new();
            nearest.show(&limits.policy, &mut headers);
            assert_eq!(headers[RATE_LIMIT], "\"merchant\";r=9;t=1");
            let policy = "\"address\";q=20000;w=1, \"token\";q=20000;w=1, \"merchant\";q=10;w=10";
            assert_eq!(headers[RATE_LIMIT_POLICY], policy);
        }
    }
}
