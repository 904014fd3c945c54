//! The processes.

use std::time::Duration;

use futures_util::future::join_all;

use super::Finding;
use crate::{Role, UpFile, http};

/// Health checks answer within a second for each thing they look at.
const ANSWER: Duration = Duration::from_secs(5);

pub(super) async fn check(up: &UpFile) -> Vec<Finding> {
    join_all(Role::PARTS.map(|role| ready(role, up))).await
}

async fn ready(role: Role, up: &UpFile) -> Finding {
    let advice = format!("see what it printed, in the output of `pos up`; `pos up` restarts {role} when it ends");
    let Some(metrics) = up.metrics.get(role.name()) else {
        return Finding::wrong(role.name(), "up.json does not say where it is", "restart `pos up`");
    };
    let url = metrics.replace("/metrics", "/readyz");
    match http::get(&url, ANSWER).await {
        Ok((200, _)) => {
            let pid = up.pids.get(role.name()).map_or("?".to_owned(), i32::to_string);
            Finding::fine(role.name(), format!("ready, process {pid}"))
        }
        Ok((_, body)) => Finding::wrong(role.name(), format!("not ready: {body}"), advice),
        Err(failure) => Finding::failed(role.name(), &failure, "is `pos up` running? If it was killed, start it again"),
    }
}
