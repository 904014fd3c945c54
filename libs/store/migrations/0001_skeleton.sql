-- The first way of a sale: catalogue, inbox, sales, stock, receipts.
--
-- merchant_id leads every key. Each worker's role writes its own schema and its own part of the inbox; the edge's role
-- reads, confined by row-level security to the merchant named in the setting tillstream.merchant.

do $$
declare
  name text;
begin
  foreach name in array array['tillstream_sales', 'tillstream_stock', 'tillstream_receipts', 'tillstream_edge'] loop
    begin
      execute format('create role %I nologin', name);
    exception when duplicate_object or unique_violation then
      null; -- Roles belong to the whole server: another database of it may have made them.
    end;
  end loop;
end
$$;

create schema catalog;
create schema inbox;
create schema sales;
create schema stock;
create schema receipts;

-- The merchant of the caller, or null, which matches no row.
create function inbox.caller() returns uuid language sql stable parallel safe
  return nullif(current_setting('tillstream.merchant', true), '')::uuid;

-- Catalogue -----------------------------------------------------------------------------------------------------------

create table catalog.merchants (
  merchant_id uuid primary key,
  name text not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  tax_mode text not null check (tax_mode in ('included', 'added')),
  tax_per text not null check (tax_per in ('line', 'group')),
  rounding text not null check (rounding in ('half_up', 'half_even'))
);

create table catalog.stores (
  merchant_id uuid not null references catalog.merchants,
  store_id uuid not null,
  name text not null,
  primary key (merchant_id, store_id)
);

create table catalog.registers (
  merchant_id uuid not null,
  register_id uuid not null,
  store_id uuid not null,
  code text not null,
  primary key (merchant_id, register_id),
  unique (merchant_id, store_id, code),
  foreign key (merchant_id, store_id) references catalog.stores
);

create table catalog.tax_categories (
  merchant_id uuid not null references catalog.merchants,
  code text not null,
  name text not null,
  rate integer not null check (rate between 0 and 10000000), -- millionths
  primary key (merchant_id, code)
);

create table catalog.products (
  merchant_id uuid not null,
  product_id uuid not null,
  sku text not null check (length(sku) <= 64),
  name text not null check (length(name) <= 120), -- so that a sale of 500 lines fits into a message
  unit_price bigint not null check (unit_price >= 0), -- minor units
  tax_category text not null,
  primary key (merchant_id, product_id),
  unique (merchant_id, sku),
  foreign key (merchant_id, tax_category) references catalog.tax_categories
);

-- Inbox ---------------------------------------------------------------------------------------------------------------
-- One row per command or event that took effect, with its outcome, written in the transaction of its effects. A command
-- has one row whichever worker took it, so that an id is good for one command alone. An event has one row for each worker
-- that takes it, under an id derived from the event's and the worker's; of_event keeps these apart from the ids that
-- clients choose.

create table inbox.messages (
  merchant_id uuid not null,
  id uuid not null,
  context text not null, -- the worker that took it: sales, stock or receipts
  of_event boolean not null,
  kind text not null,
  actor text not null,
  fingerprint bytea check (octet_length(fingerprint) = 32), -- SHA-256 of the request; events have none
  accepted boolean not null,
  outcome bytea not null, -- contract::Outcome, MessagePack
  submitted_at timestamptz not null,
  decided_at timestamptz not null,
  constraint inbox_once primary key (merchant_id, of_event, id)
);

-- How often a message was tried alone, after its batch had failed or its worker had died with it in hand.
create table inbox.attempts (
  merchant_id uuid not null,
  context text not null,
  id uuid not null,
  attempts integer not null,
  primary key (merchant_id, context, id)
);

-- Sales ---------------------------------------------------------------------------------------------------------------

create table sales.sales (
  merchant_id uuid not null,
  sale_id uuid not null,
  store_id uuid not null,
  register_id uuid not null,
  sold_at timestamptz not null,
  recorded_at timestamptz not null,
  currency text not null,
  total bigint not null,
  document text not null, -- contract::sale::Sale, JSON; text and not jsonb, for it is only ever read whole
  constraint sale_once primary key (merchant_id, sale_id)
);
create index sales_by_time on sales.sales (merchant_id, recorded_at, sale_id);
create index sales_by_store on sales.sales (merchant_id, store_id, recorded_at, sale_id);

-- Stock ---------------------------------------------------------------------------------------------------------------

create table stock.movements (
  merchant_id uuid not null,
  source_id uuid not null, -- the sale or adjustment
  line smallint not null,
  store_id uuid not null,
  product_id uuid not null,
  delta bigint not null check (delta <> 0), -- thousandths of a unit
  reason text not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,
  constraint movement_once primary key (merchant_id, source_id, line)
);

create table stock.levels (
  merchant_id uuid not null,
  store_id uuid not null,
  product_id uuid not null,
  on_hand bigint not null, -- thousandths of a unit
  primary key (merchant_id, store_id, product_id)
) with (fillfactor = 50); -- room for updates within the page

-- Receipts ------------------------------------------------------------------------------------------------------------

create table receipts.series (
  merchant_id uuid not null,
  register_id uuid not null,
  number bigint not null check (number >= 0), -- of the last receipt issued; 0 before the first
  hash bytea not null check (octet_length(hash) = 32), -- of the last receipt issued; zeros before the first
  primary key (merchant_id, register_id)
) with (fillfactor = 50);

create table receipts.receipts (
  merchant_id uuid not null,
  register_id uuid not null,
  number bigint not null check (number > 0),
  sale_id uuid not null,
  issued_at timestamptz not null,
  content text not null, -- canonical JSON (RFC 8785): the bytes that are hashed
  hash bytea not null check (octet_length(hash) = 32),
  signature bytea not null check (octet_length(signature) = 64),
  key_id text not null,
  primary key (merchant_id, register_id, number),
  constraint receipt_once unique (merchant_id, sale_id)
);

-- Who may do what -----------------------------------------------------------------------------------------------------

grant usage on schema catalog, inbox to tillstream_sales, tillstream_stock, tillstream_receipts, tillstream_edge;
grant usage on schema sales to tillstream_sales, tillstream_edge;
grant usage on schema stock to tillstream_stock, tillstream_edge;
grant usage on schema receipts to tillstream_receipts, tillstream_edge;

grant select on all tables in schema catalog to tillstream_sales, tillstream_stock, tillstream_edge;
grant select, insert on inbox.messages to tillstream_sales, tillstream_stock, tillstream_receipts;
grant select, insert, update, delete on inbox.attempts to tillstream_sales, tillstream_stock, tillstream_receipts;
grant select on inbox.messages to tillstream_edge;

grant select, insert on sales.sales to tillstream_sales;
grant select, insert on stock.movements to tillstream_stock;
grant select, insert, update on stock.levels to tillstream_stock;
grant select, insert, update on receipts.series to tillstream_receipts;
grant select, insert on receipts.receipts to tillstream_receipts;

grant select on sales.sales, stock.levels, receipts.receipts to tillstream_edge;

do $$
declare
  tab regclass;
begin
  foreach tab in array array['catalog.merchants', 'catalog.stores', 'catalog.registers', 'catalog.tax_categories',
    'catalog.products', 'inbox.messages', 'inbox.attempts', 'sales.sales', 'stock.movements', 'stock.levels',
    'receipts.series', 'receipts.receipts']::regclass[] loop
    execute format('alter table %s enable row level security', tab);
    execute format('create policy of_the_caller on %s for select to tillstream_edge using (merchant_id = inbox.caller())', tab);
  end loop;
end
$$;

create policy catalog_readers on catalog.merchants for select to tillstream_sales, tillstream_stock using (true);
create policy catalog_readers on catalog.stores for select to tillstream_sales, tillstream_stock using (true);
create policy catalog_readers on catalog.registers for select to tillstream_sales, tillstream_stock using (true);
create policy catalog_readers on catalog.tax_categories for select to tillstream_sales, tillstream_stock using (true);
create policy catalog_readers on catalog.products for select to tillstream_sales, tillstream_stock using (true);

-- Whether an id is taken concerns every worker; each writes under its own name.
create policy workers_look_up on inbox.messages for select
  to tillstream_sales, tillstream_stock, tillstream_receipts using (true);
create policy sales_writes on inbox.messages for insert to tillstream_sales with check (context = 'sales');
create policy stock_writes on inbox.messages for insert to tillstream_stock with check (context = 'stock');
create policy receipts_writes on inbox.messages for insert to tillstream_receipts with check (context = 'receipts');
create policy sales_counts on inbox.attempts to tillstream_sales using (context = 'sales') with check (context = 'sales');
create policy stock_counts on inbox.attempts to tillstream_stock using (context = 'stock') with check (context = 'stock');
create policy receipts_counts on inbox.attempts to tillstream_receipts using (context = 'receipts') with check (context = 'receipts');

create policy writer on sales.sales to tillstream_sales using (true) with check (true);
create policy writer on stock.movements to tillstream_stock using (true) with check (true);
create policy writer on stock.levels to tillstream_stock using (true) with check (true);
create policy writer on receipts.series to tillstream_receipts using (true) with check (true);
create policy writer on receipts.receipts to tillstream_receipts using (true) with check (true);
