//! What a system is started with.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tillstream_bus::topology::Limits;

use crate::{Output, demo};

/// What a [`Stack`](crate::Stack) is started with.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The data folder; made if it is missing.
    pub data: PathBuf,
    /// The program to run the parts with: `pos`.
    pub program: PathBuf,
    /// What `scripts/services` filled.
    pub services: PathBuf,
    /// Where the edge listens; `None` for 127.0.0.1:8080 or, if that is taken, a free port.
    pub listen: Option<SocketAddr>,
    /// The demo shop to plant; `None` for none.
    pub shop: Option<demo::Size>,
    /// Into how many partitions merchants are spread, 1 to 64. It can't be changed for an existing data folder.
    pub partitions: u16,
    /// Sizes and times of the streams.
    pub limits: Limits,
    /// Which log lines of the parts are written, as `EnvFilter` has it.
    pub log_filter: String,
    /// An invariant for the sales worker to break, for example `ack_before_commit`; debug builds only.
    pub sabotage: Option<String>,
    /// Where PostgreSQL's log is copied to, for recovery to a moment; `None` for nowhere.
    pub archive: Option<PathBuf>,
    /// The provider of card terminals, as `http://host:port`; `None` for a simulator, if there is a demo shop.
    pub terminals: Option<String>,
    /// Where output goes.
    pub output: Output,
}

impl StackOptions {
    /// The defaults, with `data` as data folder; the parts are run by this process's own program.
    ///
    /// # Errors
    /// When the operating system does not tell which program this is.
    pub fn new(data: impl AsRef<Path>) -> anyhow::Result<Self> {
        Ok(Self {
            data: data.as_ref().to_owned(),
            program: std::env::current_exe().context("find this program's own file")?,
            services: PathBuf::from(".services"),
            listen: None,
            shop: Some(demo::Size::default()),
            partitions: 1,
            limits: Limits::default(),
            log_filter: "info".to_owned(),
            sabotage: None,
            archive: None,
            terminals: None,
            output: Output::quiet(),
        })
    }
}
