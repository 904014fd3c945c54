//! Sign-ins on the wire.

use serde::{Deserialize, Serialize};
use tillstream_domain::id::UserId;
use utoipa::ToSchema;

/// How somebody shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By a password.
    Password,
    /// By a PIN, at a till.
    Pin,
}

/// Somebody has signed in, or somebody who could not show to be them wanted to. It changes nothing, and is kept with all that
/// was done: as refused, if it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignIn {
    /// Whose account it is.
    pub user: UserId,
    /// How.
    pub method: Method,
    /// Whether they could.
    pub ok: bool,
}
