-- Parked baskets: what a till puts aside until it or another till of the store goes on with it.

create table sales.baskets (
  merchant_id uuid not null,
  basket_id uuid not null, -- the command that parked it
  store_id uuid not null,
  name text not null, -- what people find it by; it may be somebody's name
  status text not null,
  parked_register uuid not null,
  parked_by uuid,
  parked_at timestamptz not null,
  expires_at timestamptz not null, -- nobody gets it from then on
  ended_register uuid, -- who took or dropped it
  ended_by uuid,
  ended_at timestamptz,
  forget_at timestamptz not null, -- the row goes then
  lines integer not null, -- how many
  draft text not null, -- contract::basket::Draft as JSON
  primary key (merchant_id, basket_id),
  check ((status = 'parked') = (ended_at is null) and (ended_at is null) = (ended_register is null))
);
-- For the list of a store, and for how many are parked there.
create index baskets_by_store on sales.baskets (merchant_id, store_id, status, expires_at);
-- For the sweep.
create index baskets_to_forget on sales.baskets (forget_at);

grant select, insert, update, delete on sales.baskets to tillstream_sales;
grant select on sales.baskets to tillstream_edge;
alter table sales.baskets enable row level security;
create policy of_the_caller on sales.baskets for select to tillstream_edge using (merchant_id = inbox.caller());
create policy writer on sales.baskets to tillstream_sales using (true) with check (true);
