-- Customers and their groups, what they owe and what they have collected.

create table sales.customers (
  merchant_id uuid not null,
  customer_id uuid not null,
  name text, -- null once they are erased or merged, and then nothing else is left of them
  email text,
  phone text,
  note text,
  marketing boolean not null default false,
  groups uuid[] not null default '{}',
  merged_into uuid,
  version integer not null check (version > 0),
  added_at timestamptz not null,
  constraint customer_once primary key (merchant_id, customer_id),
  check (name is not null or (email is null and phone is null and note is null and not marketing and groups = '{}')),
  check (name is null or merged_into is null)
);
create index customers_by_survivor on sales.customers (merchant_id, merged_into) where merged_into is not null;

-- By whose beginnings a customer is found: domain::customer::Profile::terms.
create table sales.customer_terms (
  merchant_id uuid not null,
  term text collate "C" not null,
  customer_id uuid not null,
  primary key (merchant_id, term, customer_id)
);
create index customer_terms_of on sales.customer_terms (merchant_id, customer_id);

create table sales.customer_groups (
  merchant_id uuid not null,
  group_id uuid not null,
  name text not null,
  version integer not null check (version > 0),
  ended boolean not null,
  primary key (merchant_id, group_id)
);

-- What customers collect points by.
create table sales.loyalty_rules (
  merchant_id uuid primary key,
  points bigint not null check (points > 0), -- for each `per`
  per bigint not null check (per > 0), -- minor units
  worth bigint not null check (worth > 0), -- minor units for a point
  version integer not null check (version > 0),
  ended boolean not null
);

alter table sales.sales add column customer_id uuid; -- who bought
create index sales_by_customer on sales.sales (merchant_id, customer_id, recorded_at, sale_id) where customer_id is not null;

alter table sales.accounts
  add column customer_id uuid, -- whose it is, if it is a customer's: then they have one of its kind
  add column credit_limit bigint not null default 0 check (credit_limit >= 0), -- minor units; how far below zero it may go
  drop constraint accounts_entries_check,
  add constraint accounts_entries_check check (entries >= 0),
  add constraint account_of_customer_once unique (merchant_id, customer_id, kind);

grant select, insert, update on sales.customers, sales.customer_groups, sales.loyalty_rules to tillstream_sales;
grant select, insert, delete on sales.customer_terms to tillstream_sales;
grant select on sales.customers, sales.customer_terms, sales.customer_groups, sales.loyalty_rules to tillstream_edge;

do $$
declare
  tab regclass;
begin
  foreach tab in array array['sales.customers', 'sales.customer_terms', 'sales.customer_groups',
    'sales.loyalty_rules']::regclass[] loop
    execute format('alter table %s enable row level security', tab);
    execute format('create policy of_the_caller on %s for select to tillstream_edge using (merchant_id = inbox.caller())', tab);
    execute format('create policy writer on %s to tillstream_sales using (true) with check (true)', tab);
  end loop;
end
$$;
