//! Customers and their groups: the second station of this worker, which takes commands about them.

use std::collections::BTreeMap;

use tillstream_bus::subject::Class;
use tillstream_contract::{
    Command as _, Envelope, Outcome, Stage,
    customer::{Command, Event, Merge, Merged},
    identity::Changed,
};
use tillstream_domain::{
    Rejection,
    account::{Ledger, OF_CUSTOMERS},
    customer::Directory,
    id::{CommandId, CustomerId, MerchantId},
    identity::Need,
    time::Timestamp,
};
use tillstream_runtime::{Item, Worker};
use tillstream_store::{Error, PgConnection, account, customer};

/// Decides on customers.
#[derive(Debug)]
pub struct Customers;

/// The customers and groups of a batch.
#[derive(Debug)]
pub struct State {
    directories: BTreeMap<MerchantId, Directory>,
    /// What is on the accounts of those who are merged.
    ledgers: BTreeMap<MerchantId, Ledger>,
}

impl Worker for Customers {
    const NAME: &'static str = "sales";
    const CONSUMER: &'static str = "customers";
    const SOURCE: (Class, &'static str) = (Class::Command, "customer");
    const ANSWERS: Option<Stage> = Some(Stage::Recorded);
    const STAGE: Option<&'static str> = None;
    type Message = Command;
    type State = State;

    fn need(command: &Command) -> Option<Need> {
        Some(command.need())
    }

    async fn load(&self, conn: &mut PgConnection, batch: &[&Item<Command>]) -> Result<State, Error> {
        let mut wanted = customer::Wanted::default();
        for item in batch {
            want(&mut wanted, &item.envelope, &item.message);
        }
        let directories = customer::lock(conn, &wanted).await?;
        let mut accounts = account::Wanted::default();
        for item in batch {
            if let Command::MergeCustomers(Merge { customer, into }) = &item.message {
                let own = OF_CUSTOMERS.into_iter().flat_map(|kind| [customer, into].map(|of| kind.of_customer(*of)));
                accounts.accounts.extend(own.map(|account| (item.envelope.merchant, account)));
            }
        }
        let ledgers = account::lock(conn, &accounts).await?.into_iter().collect();
        Ok(State { directories, ledgers })
    }

    fn decide(&self, state: &mut State, item: &Item<Command>, now: Timestamp) -> Outcome {
        let directory = state.directories.entry(item.envelope.merchant).or_default();
        let ledger = state.ledgers.entry(item.envelope.merchant).or_default();
        match decide((directory, ledger), &item.envelope, &item.message, now) {
            Ok(event) => Outcome::Accepted(vec![Envelope::caused_by(&item.envelope, &event, now)]),
            Err(rejection) => Outcome::Rejected(rejection.into()),
        }
    }

    async fn save(&self, conn: &mut PgConnection, state: State, now: Timestamp) -> Result<(), Error> {
        customer::save(conn, &state.directories, now).await?;
        account::save(conn, &state.ledgers).await
    }
}

/// The id of a customer whom a command adds.
fn added(envelope: &Envelope) -> CustomerId {
    CommandId::new(envelope.id).into()
}

fn want(wanted: &mut customer::Wanted, envelope: &Envelope, command: &Command) {
    let merchant = envelope.merchant;
    wanted.merchants.insert(merchant);
    match command {
        Command::AddCustomer(new) => {
            wanted.customers.insert((merchant, added(envelope)));
            wanted.groups.extend(new.groups.iter().map(|group| (merchant, *group)));
        }
        Command::ChangeCustomer(change) => {
            wanted.customers.insert((merchant, change.customer));
            wanted.groups.extend(change.groups.iter().map(|group| (merchant, *group)));
        }
        Command::EraseCustomer(one) => {
            wanted.customers.insert((merchant, one.customer));
        }
        Command::MergeCustomers(Merge { customer, into }) => {
            wanted.customers.extend([(merchant, *customer), (merchant, *into)]);
        }
        Command::PutGroup(put) => {
            wanted.groups.insert((merchant, put.group));
        }
        Command::EndGroup(end) => {
            wanted.groups.insert((merchant, end.group));
        }
    }
}

fn decide(
    (directory, ledger): (&mut Directory, &mut Ledger),
    envelope: &Envelope,
    command: &Command,
    now: Timestamp,
) -> Result<Event, Rejection> {
    let customer = |id: CustomerId, version| Event::CustomerChanged(Changed { id: id.uuid(), version });
    Ok(match command {
        Command::AddCustomer(new) => {
            let id = added(envelope);
            customer(id, directory.add(id, new.profile.clone(), new.groups.clone())?)
        }
        Command::ChangeCustomer(change) => {
            let id = change.customer;
            let version = directory.change((id, change.version), change.profile.clone(), change.groups.clone())?;
            customer(id, version)
        }
        Command::EraseCustomer(one) => customer(one.customer, directory.erase(one.customer)?),
        Command::MergeCustomers(merge) => {
            let moves = ledger.merge(CommandId::new(envelope.id), (merge.customer, merge.into), now)?;
            let merged = directory.merge(merge.customer, merge.into)?;
            ledger.apply(moves);
            Event::CustomersMerged(Merged { from: merged.from, id: merged.into, version: merged.version })
        }
        Command::PutGroup(put) => {
            let version = directory.put_group(put.group, put.name.clone(), put.version)?;
            Event::GroupChanged(Changed { id: put.group.uuid(), version })
        }
        Command::EndGroup(end) => {
            let version = directory.end_group(end.group, end.version)?;
            Event::GroupChanged(Changed { id: end.group.uuid(), version })
        }
    })
}
