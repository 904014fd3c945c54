//! The threads that hash, and the queue before them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Instant,
};

use anyhow::Context;
use argon2::{Algorithm, Argon2, Block, Version};
use tokio::sync::oneshot;
use tracing::{debug, error};

use super::{Plain, phc::Cost};
use crate::problem::Problem;

/// A hash to make.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) plain: Plain,
    pub(super) salt: Vec<u8>,
    pub(super) cost: Cost,
    pub(super) peppered: bool,
    pub(super) done: oneshot::Sender<[u8; 32]>,
}

/// Threads that hash until this is dropped.
#[derive(Debug)]
pub(super) struct Threads {
    queue: SyncSender<Job>,
}

impl Threads {
    /// `count` threads, before which `queue` jobs may wait.
    pub(super) fn start(count: usize, queue: usize, pepper: Vec<u8>) -> anyhow::Result<Self> {
        let (sender, jobs) = mpsc::sync_channel(queue.max(1));
        let (jobs, pepper) = (Arc::new(Mutex::new(jobs)), Arc::new(pepper));
        for _ in 0..count.max(1) {
            let (jobs, pepper) = (jobs.clone(), pepper.clone());
            thread::Builder::new()
                .name("hashing".to_owned())
                .spawn(move || work(&jobs, &pepper))
                .context("start a thread that hashes passwords")?;
        }
        Ok(Self { queue: sender })
    }

    /// Gives a job to the next thread that is free.
    pub(super) fn give(&self, job: Job) -> Result<(), Problem> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Problem::Busy,
            TrySendError::Disconnected(_) => Problem::Internal,
        })
    }
}

/// Hashes until there is nobody who could give a job any more, for half of the time at the most.
fn work(jobs: &Mutex<Receiver<Job>>, pepper: &[u8]) {
    let mut memory: Vec<Block> = Vec::new();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Who has gone away meanwhile gets nothing done.
        if job.done.is_closed() {
            continue;
        }
        let begun = Instant::now();
        if let Some(output) = hash(&job, pepper, &mut memory)
            && job.done.send(output).is_err()
        {
            debug!("a hash was made for a request that is gone");
        }
        // As long again for all others: priorities of threads count for nothing between containers or sessions.
        thread::sleep(begun.elapsed());
    }
}

fn hash(job: &Job, pepper: &[u8], memory: &mut Vec<Block>) -> Option<[u8; 32]> {
    let params = job.cost.params();
    memory.resize(params.block_count(), Block::default());
    let pepper = if job.peppered { pepper } else { &[] };
    let mut output = [0; 32];
    let hashed = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params).and_then(|argon2| {
        argon2.hash_password_into_with_memory(job.plain.reveal().as_bytes(), &job.salt, &mut output, &mut memory[..])
    });
    if let Err(error) = hashed {
        error!(%error, "a password could not be hashed; answering 500");
        return None;
    }
    Some(output)
}
