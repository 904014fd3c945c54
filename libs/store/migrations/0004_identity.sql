-- Who may do what: users and their roles, enrolled tills, API keys; and in the inbox, at which till and with whose approval.
--
-- What ended is kept with its time, for a command is judged by what held when the edge took it.

do $$
begin
  create role tillstream_identity nologin;
exception when duplicate_object or unique_violation then
  null; -- Roles belong to the whole server: another database of it may have made it.
end
$$;

create schema identity;

create table identity.users (
  merchant_id uuid not null references catalog.merchants,
  user_id uuid not null,
  name text check (length(name) <= 120), -- null once the person is erased
  email text check (length(email) <= 254), -- lower case
  password text check (length(password) <= 256), -- argon2id, PHC
  pin text check (length(pin) <= 256), -- argon2id, PHC
  has_password boolean not null generated always as (password is not null) stored,
  has_pin boolean not null generated always as (pin is not null) stored,
  code_hash bytea check (octet_length(code_hash) = 32), -- SHA-256 of the one-time code for a password
  code_until timestamptz,
  version integer not null check (version > 0),
  ended_at timestamptz, -- from when on they may nothing any more
  primary key (merchant_id, user_id),
  constraint email_once unique (merchant_id, email)
);
-- Who signs in does not say at which merchant.
create index users_by_email on identity.users (email);
create unique index users_by_code on identity.users (code_hash);

create table identity.grants (
  merchant_id uuid not null,
  user_id uuid not null,
  source_id uuid not null, -- derived from the user's id and the version that brought it
  line smallint not null,
  role text not null,
  store_id uuid, -- null: all stores
  began_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (merchant_id, user_id, source_id, line),
  foreign key (merchant_id, user_id) references identity.users
);
create index owners on identity.grants (merchant_id, user_id) where role = 'owner' and store_id is null and ended_at is null;
create index grants_by_store on identity.grants (merchant_id, store_id, user_id) where ended_at is null;

alter table catalog.merchants add column version integer not null default 1 check (version > 0);
alter table catalog.stores add column version integer not null default 1 check (version > 0);

create table identity.tills (
  merchant_id uuid not null,
  register_id uuid not null,
  code_hash bytea check (octet_length(code_hash) = 32), -- SHA-256 of the one-time code for enrolment
  code_until timestamptz,
  public_key bytea check (octet_length(public_key) = 32), -- Ed25519; null before enrolment
  enrolled_at timestamptz,
  ended_at timestamptz, -- when it was revoked
  version integer not null check (version > 0),
  primary key (merchant_id, register_id),
  foreign key (merchant_id, register_id) references catalog.registers
);
create unique index tills_by_code on identity.tills (code_hash);

create table identity.keys (
  merchant_id uuid not null references catalog.merchants,
  key_id uuid not null,
  name text not null check (length(name) <= 120),
  hash bytea not null check (octet_length(hash) = 32), -- SHA-256 of the key, which is random
  scopes text[] not null, -- permissions
  stores uuid[], -- null: all stores
  made_by text not null, -- actor
  made_at timestamptz not null,
  expires_at timestamptz,
  ended_at timestamptz, -- when it was revoked
  version integer not null check (version > 0),
  primary key (merchant_id, key_id)
);

-- Who may do what -----------------------------------------------------------------------------------------------------

grant usage on schema catalog, inbox, identity to tillstream_identity;
grant usage on schema identity to tillstream_sales, tillstream_stock, tillstream_edge;
grant select, insert, update on catalog.merchants, catalog.stores, catalog.registers to tillstream_identity;
grant select, insert, update on identity.users, identity.grants, identity.tills, identity.keys to tillstream_identity;
grant select, insert on inbox.messages to tillstream_identity;
grant select, insert, update, delete on inbox.attempts to tillstream_identity;

-- Workers judge every command; nothing of it needs a name, an address or a hash.
grant select (merchant_id, user_id, ended_at) on identity.users to tillstream_sales, tillstream_stock;
grant select on identity.grants to tillstream_sales, tillstream_stock;
grant select (merchant_id, register_id, enrolled_at, ended_at) on identity.tills to tillstream_sales, tillstream_stock;
grant select (merchant_id, key_id, scopes, stores, expires_at, ended_at) on identity.keys to tillstream_sales, tillstream_stock;

-- The edge shows people, and never hashes: see the functions below.
grant select (merchant_id, user_id, name, email, has_password, has_pin, code_until, version, ended_at) on identity.users
  to tillstream_edge;
grant select on identity.grants to tillstream_edge;
grant select (merchant_id, register_id, code_until, public_key, enrolled_at, ended_at, version) on identity.tills
  to tillstream_edge;
grant select (merchant_id, key_id, name, scopes, stores, made_by, made_at, expires_at, ended_at, version) on identity.keys
  to tillstream_edge;

do $$
declare
  tab regclass;
begin
  foreach tab in array array['identity.users', 'identity.grants', 'identity.tills', 'identity.keys']::regclass[] loop
    execute format('alter table %s enable row level security', tab);
    execute format('create policy of_the_caller on %s for select to tillstream_edge using (merchant_id = inbox.caller())', tab);
    execute format('create policy judges on %s for select to tillstream_sales, tillstream_stock using (true)', tab);
    execute format('create policy writer on %s to tillstream_identity using (true) with check (true)', tab);
  end loop;
  foreach tab in array array['catalog.merchants', 'catalog.stores', 'catalog.registers']::regclass[] loop
    execute format('create policy writer on %s to tillstream_identity using (true) with check (true)', tab);
  end loop;
end
$$;

create policy identity_looks_up on inbox.messages for select to tillstream_identity using (true);
create policy identity_writes on inbox.messages for insert to tillstream_identity with check (context = 'identity');
create policy identity_counts on inbox.attempts to tillstream_identity
  using (context = 'identity') with check (context = 'identity');

-- What the edge may know before it knows the merchant, one account at a time and by what only its owner has or gives.

create function identity.password_of(address text)
  returns table (merchant_id uuid, user_id uuid, password text)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  begin atomic
    select u.merchant_id, u.user_id, u.password from identity.users u
    where u.email = address and u.password is not null and u.ended_at is null
    order by u.merchant_id limit 8;
  end;

create function identity.user_of(given bytea)
  returns table (merchant_id uuid, user_id uuid, code_until timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  begin atomic
    select u.merchant_id, u.user_id, u.code_until from identity.users u
    where u.code_hash = given and u.ended_at is null;
  end;

-- At a till, which knows its merchant.
create function identity.pin_of(id uuid)
  returns text language sql stable security definer set search_path = pg_catalog, pg_temp
  begin atomic
    select u.pin from identity.users u
    where u.merchant_id = inbox.caller() and u.user_id = id and u.ended_at is null;
  end;

create function identity.key_of(id uuid)
  returns table (merchant_id uuid, hash bytea, scopes text[], stores uuid[], expires_at timestamptz, ended_at timestamptz)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  begin atomic
    select k.merchant_id, k.hash, k.scopes, k.stores, k.expires_at, k.ended_at from identity.keys k
    where k.key_id = id limit 2;
  end;

create function identity.till_of(given bytea)
  returns table (merchant_id uuid, register_id uuid, store_id uuid)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  begin atomic
    select t.merchant_id, t.register_id, r.store_id from identity.tills t
    join catalog.registers r on r.merchant_id = t.merchant_id and r.register_id = t.register_id
    where t.code_hash = given;
  end;

revoke execute on function identity.password_of, identity.user_of, identity.pin_of, identity.key_of, identity.till_of
  from public;
grant execute on function identity.password_of, identity.user_of, identity.pin_of, identity.key_of, identity.till_of
  to tillstream_edge;

-- The books -----------------------------------------------------------------------------------------------------------

alter table inbox.messages
  add column till_id uuid,
  add column approved_by uuid;

-- Who did what, newest first: all of a merchant's, or one actor's.
create index commands_by_time on inbox.messages (merchant_id, decided_at, id) where not of_event;
create index commands_by_actor on inbox.messages (merchant_id, actor, decided_at, id) where not of_event;
