-- Card payments at terminals: each a state machine of its own, apart from the sale that it pays for.

create table sales.card_payments (
  merchant_id uuid not null,
  payment_id uuid not null,
  store_id uuid not null,
  register_id uuid not null,
  terminal text not null, -- as the provider knows it
  amount bigint not null check (amount > 0), -- minor units, to be taken
  currency text not null,
  state text not null,
  cancelling boolean not null,
  taken_amount bigint, -- minor units, what the provider says that it took
  taken_currency text,
  reference text,
  brand text,
  last4 text,
  given_back boolean not null,
  reason text,
  sale_id uuid, -- which it pays for
  sale_amount bigint, -- minor units, how much of it
  unmatched boolean not null, -- there is money without a sale, or a sale without that money
  started_at timestamptz not null,
  changed_at timestamptz not null,
  asked integer not null default 0, -- how often the provider was, or is about to be; it is told to begin the first time alone
  due_at timestamptz, -- when it is to be asked next, by the database's clock; null once all is known
  since timestamptz not null, -- when the till asked for it, by the same clock: what waited long is never started
  constraint card_payment_once primary key (merchant_id, payment_id)
) with (fillfactor = 70);
-- For whoever asks the provider.
create index card_payments_due on sales.card_payments (due_at) where due_at is not null;
-- For voids, which let go of what their sale has taken.
create index card_payments_by_sale on sales.card_payments (merchant_id, sale_id) where sale_id is not null;
create index card_payments_by_time on sales.card_payments (merchant_id, started_at, payment_id);
-- For those who see some stores alone, and for what nobody knows yet.
create index card_payments_by_store on sales.card_payments (merchant_id, store_id, started_at, payment_id);
create index card_payments_pending on sales.card_payments (merchant_id, started_at, payment_id)
  where state in ('started', 'unknown');
create index card_payments_unmatched on sales.card_payments (merchant_id, started_at, payment_id) where unmatched;

grant select, insert, update on sales.card_payments to tillstream_sales;
grant select on sales.card_payments to tillstream_edge;
alter table sales.card_payments enable row level security;
create policy of_the_caller on sales.card_payments for select to tillstream_edge using (merchant_id = inbox.caller());
create policy writer on sales.card_payments to tillstream_sales using (true) with check (true);
