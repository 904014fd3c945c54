//! What each command needs to know, and what it changes.

use tillstream_contract::{
    Command as _, Envelope,
    identity::{Changed, Command, Event, MerchantChange, NewEnrolment, NewMerchant, NewTill, OneTill, Revocation},
};
use tillstream_domain::{
    Rejection,
    id::{MerchantId, RegisterId, StoreId, UserId},
    identity::{Actor, ApiKey, Directory, Grant, Rights, Store, User},
    time::Timestamp,
};
use tillstream_store::identity::Wanted;

use crate::tills;

/// Adds what a command of `merchant` needs to know.
pub(crate) fn want(wanted: &mut Wanted, envelope: &Envelope, command: &Command) {
    let merchant = envelope.merchant;
    wanted.merchants.insert(merchant);
    let grants = |wanted: &mut Wanted, grants: &[Grant]| {
        wanted.stores.extend(grants.iter().filter_map(|grant| grant.store).map(|store| (merchant, store)));
    };
    let user = |wanted: &mut Wanted, user: UserId| {
        wanted.users.insert((merchant, user));
    };
    match command {
        Command::OpenMerchant(_) | Command::ChangeMerchant(_) | Command::SignIn(_) => {}
        Command::AddStore(new) => {
            wanted.stores.insert((merchant, StoreId::new(envelope.id)));
            wanted.store_names.insert((merchant, new.name.to_string()));
            wanted.time_zones.extend(new.time_zone.as_ref().map(ToString::to_string));
        }
        Command::ChangeStore(change) => {
            wanted.stores.insert((merchant, change.store));
            wanted.store_names.insert((merchant, change.name.to_string()));
            wanted.time_zones.extend(change.time_zone.as_ref().map(ToString::to_string));
        }
        Command::AddRegister(new) => {
            wanted.tills.insert((merchant, RegisterId::new(envelope.id)));
            wanted.stores.insert((merchant, new.store));
            wanted.register_codes.insert((merchant, new.store, new.code.to_string()));
        }
        Command::AddUser(new) => {
            wanted.emails.extend(new.email.clone().map(|email| (merchant, email)));
            grants(wanted, &new.grants);
        }
        Command::ChangeUser(change) => {
            user(wanted, change.user);
            wanted.emails.extend(change.email.clone().map(|email| (merchant, email)));
        }
        Command::SetGrants(regrant) => {
            user(wanted, regrant.user);
            grants(wanted, &regrant.grants);
        }
        Command::MakeKey(new) => {
            wanted.key_stores.extend(new.stores.iter().flatten().map(|store| (merchant, *store)));
        }
        Command::RevokeKey(revocation) => {
            wanted.keys.insert((merchant, revocation.key));
        }
        Command::InviteUser(new) => user(wanted, new.user),
        Command::SetPassword(new) => user(wanted, new.user),
        Command::DeactivateUser(one) | Command::EraseUser(one) => user(wanted, one.user),
        Command::SetPin(new) => user(wanted, new.user),
        Command::InviteTill(NewEnrolment { register, .. })
        | Command::EnrolTill(NewTill { register, .. })
        | Command::RevokeTill(OneTill { register, .. }) => {
            wanted.tills.insert((merchant, *register));
        }
    }
}

/// What a command changes. `rights` are its sender's, when the edge took it.
pub(crate) fn decide(
    directory: &mut Directory,
    rights: &Rights,
    envelope: &Envelope,
    command: &Command,
    now: Timestamp,
) -> Result<Event, Rejection> {
    let user = match command {
        Command::OpenMerchant(new) => return open_merchant(directory, envelope.merchant, new),
        Command::ChangeMerchant(change) => return change_merchant(directory, envelope.merchant, change),
        Command::AddStore(new) => {
            // What was there before the first command is in no inbox.
            if directory.stores.get(StoreId::new(envelope.id)).is_some() {
                return Err(Rejection::IdTaken);
            }
            return put_store(directory, new.store(envelope.id));
        }
        Command::ChangeStore(change) => {
            let known = directory.store(change.store)?;
            let store = known.change(change.version, &change.name, change.time_zone.as_ref())?;
            return put_store(directory, store);
        }
        Command::AddRegister(new) => {
            if directory.tills.get(RegisterId::new(envelope.id)).is_some() {
                return Err(Rejection::IdTaken);
            }
            directory.put_register(new.register(envelope.id))?;
            return Ok(Event::RegisterChanged(Changed { id: envelope.id, version: 1 }));
        }
        Command::MakeKey(new) => {
            let made_by: Actor = envelope.actor.parse().map_err(|_| Rejection::Forbidden(command.need()))?;
            let key = ApiKey::make(rights, new.key(envelope.id, made_by, envelope.at), now)?;
            directory.add_key(key.clone())?;
            return Ok(key_changed(&key));
        }
        Command::RevokeKey(Revocation { key }) => {
            let key = directory.key(*key)?.clone().revoke(rights, now)?;
            let event = key_changed(&key);
            directory.keys.put(key.id, key);
            return Ok(event);
        }
        Command::SignIn(_) => return Err(Rejection::WrongCredentials),
        Command::AddUser(new) => User::add(rights, new.user(envelope.id))?,
        Command::ChangeUser(change) => {
            let (name, email) = (change.name.clone(), change.email.clone());
            directory.user(change.user)?.change(rights, change.version, name, email)?
        }
        Command::SetGrants(regrant) => {
            directory.user(regrant.user)?.regrant(rights, regrant.version, regrant.grants.clone())?
        }
        Command::InviteUser(new) => {
            let by = envelope.actor.parse().map_err(|_| Rejection::Forbidden(command.need()))?;
            directory.user(new.user)?.invite(by, rights, *new.code_hash, envelope.at)?
        }
        Command::SetPassword(new) => {
            let code_hash = new.code_hash.map(|hash| *hash);
            directory.user(new.user)?.set_password(new.password.clone(), code_hash, envelope.at)?
        }
        Command::DeactivateUser(one) => directory.user(one.user)?.deactivate(rights, now)?,
        Command::EraseUser(one) => directory.user(one.user)?.erase(now)?,
        Command::SetPin(new) => return tills::set_pin(directory, rights, envelope, new),
        Command::InviteTill(new) => return tills::invite(directory, envelope, new),
        Command::EnrolTill(new) => return tills::enrol(directory, envelope, new),
        Command::RevokeTill(till) => return tills::revoke(directory, envelope, *till),
    };
    let changed = Changed { id: user.id.uuid(), version: user.version };
    directory.put_user(user)?;
    Ok(Event::UserChanged(changed))
}

fn key_changed(key: &ApiKey) -> Event {
    Event::KeyChanged(Changed { id: key.id.uuid(), version: key.version })
}

fn open_merchant(directory: &mut Directory, id: MerchantId, new: &NewMerchant) -> Result<Event, Rejection> {
    if directory.merchant.get(id).is_some() {
        return Err(Rejection::MerchantExists(id));
    }
    directory.merchant.put(id, new.merchant(id));
    Ok(Event::MerchantChanged(Changed { id: id.uuid(), version: 1 }))
}

fn change_merchant(directory: &mut Directory, id: MerchantId, change: &MerchantChange) -> Result<Event, Rejection> {
    let known = directory.merchant.get(id).ok_or(Rejection::UnknownMerchant(id))?;
    let renamed = known.rename(change.version, &change.name)?;
    let changed = Changed { id: id.uuid(), version: renamed.version };
    directory.merchant.put(id, renamed);
    Ok(Event::MerchantChanged(changed))
}

fn put_store(directory: &mut Directory, store: Store) -> Result<Event, Rejection> {
    let changed = Changed { id: store.id.uuid(), version: store.version };
    directory.put_store(store)?;
    Ok(Event::StoreChanged(changed))
}
