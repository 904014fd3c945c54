//! How to reach a running system, and how to try it.

use tillstream_runtime::Ids;

use super::{Role, Stack};
use crate::{UpFile, demo::Owner};

impl Stack {
    /// What `pos up` writes as `up.json`, as it is now; the sale to try has a fresh id each time.
    #[must_use]
    pub fn up_file(&self) -> UpFile {
        let metrics = Role::PARTS.into_iter().map(|role| (role.name().to_owned(), self.metrics_url(role)));
        let children = self.pids().into_iter().map(|(role, pid)| (role.name().to_owned(), pid));
        UpFile {
            url: self.url(),
            token: self.token().to_owned(),
            merchant: Owner::Cafe.merchant(),
            pids: children.chain([("pos".to_owned(), std::process::id().cast_signed())]).collect(),
            curl: self.curl().to_vec(),
            metrics: metrics.collect(),
            database: self.database_url(),
            nats: self.bus_settings().url,
            nats_monitor: self.nats_monitor_url(),
            services: self.options().services.clone(),
            partitions: self.options().partitions,
        }
    }

    /// Sell, show the receipt, show the stock: as they stand, for a shell.
    fn curl(&self) -> [String; 3] {
        let (url, token) = (self.url(), self.token());
        let (store, product) = (Owner::Cafe.store(), Owner::Cafe.product(1));
        let sale = Ids::random().next();
        let body = Owner::Cafe.basket(2);
        let bearer = format!("-H 'Authorization: Bearer {token}'");
        let headers = format!(
            "{bearer} -H 'Content-Type: application/json' -H 'Idempotency-Key: {sale}' -H 'Prefer: wait=10, until=receipt'"
        );
        [
            format!("curl -sS {url}/v1/sales {headers} -d '{body}'"),
            format!("curl -sS {url}/v1/sales/{sale}/receipt {bearer} -H 'Accept: text/plain'"),
            format!("curl -sS '{url}/v1/stock/levels?store={store}&product={product}' {bearer}"),
        ]
    }
}
