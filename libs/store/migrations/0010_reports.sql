-- Running totals of what was sold, by the hour of the store's own clock.

alter table catalog.stores add column time_zone text not null default 'UTC'; -- as PostgreSQL knows it: Europe/Zurich

create table sales.totals (
  merchant_id uuid not null,
  store_id uuid not null,
  dimension text not null, -- domain::report::Dimension
  hour timestamp not null, -- begins then, by the store's clock
  key text not null, -- which register, cashier, product …; empty for the store itself
  -- Sums are wider than what they add up, so that no document is too large for them.
  sales numeric not null,
  returns numeric not null,
  quantity numeric not null, -- thousandths of a unit
  amount numeric not null, -- minor units, as the others
  net numeric not null,
  tax numeric not null,
  discount numeric not null,
  tip numeric not null,
  primary key (merchant_id, store_id, dimension, hour, key)
) with (fillfactor = 70);

grant select, insert, update on sales.totals to tillstream_sales;
grant select on sales.totals to tillstream_edge;
alter table sales.totals enable row level security;
create policy of_the_caller on sales.totals for select to tillstream_edge using (merchant_id = inbox.caller());
create policy writer on sales.totals to tillstream_sales using (true) with check (true);
