//! What every binary has in common: settings, telemetry, health, shutdown and the worker loop.

pub mod audit;
pub mod clock;
pub mod health;
pub mod ids;
pub mod logging;
pub mod metrics;
mod probe;
pub mod process;
mod readiness;
pub mod sample;
pub mod settings;
pub mod stop;
pub mod trace;
pub mod worker;

pub use clock::Clock;
pub use health::Health;
pub use ids::Ids;
pub use logging::host_name;
pub use process::{Process, main};
pub use settings::Settings;
pub use stop::Stop;
pub use worker::{Item, Worker};
