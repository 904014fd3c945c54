//! Tills, and the PINs with which people sign in at them.

use tillstream_contract::{
    Envelope,
    identity::{Changed, Event, NewEnrolment, NewPin, NewTill, OneTill},
};
use tillstream_domain::{
    Rejection,
    identity::{Actor, Directory, Rights, Till},
};

pub(crate) fn invite(directory: &mut Directory, at: &Envelope, new: &NewEnrolment) -> Result<Event, Rejection> {
    let till = directory.till(new.register)?.invite(new.store, new.code_hash.into_array(), at.at)?;
    Ok(put(directory, till))
}

pub(crate) fn enrol(directory: &mut Directory, at: &Envelope, new: &NewTill) -> Result<Event, Rejection> {
    let till = directory.till(new.register)?;
    let till = till.enrol(new.code_hash.into_array(), new.public_key.into_array(), at.at)?;
    Ok(put(directory, till))
}

pub(crate) fn revoke(directory: &mut Directory, at: &Envelope, till: OneTill) -> Result<Event, Rejection> {
    let till = directory.till(till.register)?.revoke(till.store, at.at)?;
    Ok(put(directory, till))
}

fn put(directory: &mut Directory, till: Till) -> Event {
    let changed = Changed { id: till.register.uuid(), version: till.version };
    directory.tills.put(till.register, till);
    Event::TillChanged(changed)
}

pub(crate) fn set_pin(
    directory: &mut Directory,
    rights: &Rights,
    envelope: &Envelope,
    new: &NewPin,
) -> Result<Event, Rejection> {
    let actor: Actor = envelope.actor.parse().map_err(|_| Rejection::BeyondOwnRights)?;
    let user = directory.user(new.user)?.set_pin(actor, rights, new.pin.clone())?;
    let changed = Changed { id: user.id.uuid(), version: user.version };
    directory.put_user(user)?;
    Ok(Event::UserChanged(changed))
}
