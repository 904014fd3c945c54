//! `pos doctor --security`: what would let somebody in, or let somebody who is in do more than is theirs.

mod broker;
mod database;
mod links;
mod secrets;

use super::Finding;
use crate::{UpFile, folder::Folder};

pub(super) async fn check(up: &UpFile, folder: &Folder) -> Vec<Finding> {
    let mut findings = secrets::check(folder);
    findings.extend(links::check(folder));
    findings.extend(database::check(up).await);
    findings.extend(broker::check(up, folder).await);
    findings
}
