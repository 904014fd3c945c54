//! Answers from workers to the edge that waits: core NATS, for an answer that nobody hears is no loss.

use std::collections::HashMap;

use async_nats::Subscriber;
use futures_util::StreamExt;
use tillstream_contract::{Answer, Answers, Reply};
use tracing::warn;

use crate::{Bus, publish::MAX_MESSAGE_BYTES};

impl Bus {
    /// Sends each answer to whom it is for, as few messages as may be. A failure is logged: the client then learns the
    /// outcome by asking again.
    pub async fn answer(&self, answers: Vec<(Reply, Answer)>) {
        let mut letters: HashMap<String, Vec<Answer>> = HashMap::new();
        for (reply, answer) in answers {
            letters.entry(reply.to).or_default().push(answer);
        }
        for (to, mut answers) in letters {
            while !answers.is_empty() {
                let mut bytes = 0;
                let fit = answers.iter().take_while(|answer| {
                    bytes += answer.size_bytes();
                    bytes <= MAX_MESSAGE_BYTES
                });
                let rest = answers.split_off(fit.count().max(1));
                if let Err(error) = self.client.publish(to.clone(), Answers { answers }.encode()).await {
                    warn!(%error, to, "answers could not be sent; their clients learn the outcome by asking again");
                }
                answers = rest;
            }
        }
    }

    /// Listens for the answers sent to `subject`.
    ///
    /// # Errors
    /// When the client is closed.
    pub async fn answers(&self, subject: String) -> Result<Inbox, async_nats::SubscribeError> {
        Ok(Inbox { subscriber: self.client.subscribe(subject).await? })
    }
}

/// An edge's letter box.
#[derive(Debug)]
pub struct Inbox {
    subscriber: Subscriber,
}

impl Inbox {
    /// The next answers; `None` once the connection is closed.
    pub async fn next(&mut self) -> Option<Vec<Answer>> {
        loop {
            let message = self.subscriber.next().await?;
            match Answers::decode(&message.payload) {
                Ok(answers) => return Some(answers.answers),
                Err(error) => warn!(%error, subject = %message.subject, "answers could not be read and are dropped"),
            }
        }
    }
}
