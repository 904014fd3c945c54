-- Gift cards and store credit: accounts, each a ledger.

create table sales.accounts (
  merchant_id uuid not null,
  account_id uuid not null,
  kind text not null,
  number text check (length(number) between 8 and 32), -- of a gift card; whoever knows it may spend it
  expires_at timestamptz,
  balance bigint not null, -- minor units; the sum of its entries
  entries integer not null check (entries > 0), -- how many
  constraint account_once primary key (merchant_id, account_id),
  constraint account_number_once unique (merchant_id, number)
) with (fillfactor = 70);

-- What changed a balance; never changed, never deleted.
create table sales.account_entries (
  merchant_id uuid not null,
  account_id uuid not null,
  number integer not null check (number > 0), -- counts the account's entries
  amount bigint not null check (amount <> 0), -- minor units
  balance bigint not null, -- what was on the account then
  reason text not null,
  command_id uuid not null,
  sale_id uuid, -- which paid with it, or paid for it
  note text,
  recorded_at timestamptz not null,
  constraint account_entry_once primary key (merchant_id, account_id, number)
);
-- For voids, which undo what their sale has changed.
create index account_entries_by_sale on sales.account_entries (merchant_id, sale_id) where sale_id is not null;

grant select, insert, update on sales.accounts to tillstream_sales;
grant select, insert on sales.account_entries to tillstream_sales;
grant select on sales.accounts, sales.account_entries to tillstream_edge;
alter table sales.accounts enable row level security;
alter table sales.account_entries enable row level security;
create policy of_the_caller on sales.accounts for select to tillstream_edge using (merchant_id = inbox.caller());
create policy of_the_caller on sales.account_entries for select to tillstream_edge using (merchant_id = inbox.caller());
create policy writer on sales.accounts to tillstream_sales using (true) with check (true);
create policy writer on sales.account_entries to tillstream_sales using (true) with check (true);
