-- What sales add to the running totals, until it is moved there: a batch of sales writes a row for each store, and does not
-- wait for the rows that all sales of a store add to.

create table sales.additions (
  merchant_id uuid not null,
  addition_id bigint generated always as identity,
  store_id uuid not null,
  hour timestamp not null, -- as in sales.totals
  entries text not null, -- JSON array: dimension and key as in sales.totals, and the figures that are not zero
  primary key (merchant_id, addition_id)
);
-- It lives for a second: compressing it is not worth the time.
alter table sales.additions alter entries set storage external;

grant select, insert, update, delete on sales.additions to tillstream_sales; -- update to lock what is moved
grant select on sales.additions to tillstream_edge;
alter table sales.additions enable row level security;
create policy of_the_caller on sales.additions for select to tillstream_edge using (merchant_id = inbox.caller());
create policy writer on sales.additions to tillstream_sales using (true) with check (true);

-- The totals by everything that is recorded, moved or not. A figure that is null is zero.
create view sales.totals_so_far with (security_invoker = true) as
  select merchant_id, store_id, dimension, hour, key, sales, returns, quantity, amount, net, tax, discount, tip
  from sales.totals
  union all
  select a.merchant_id, a.store_id, e.dimension, a.hour, e.key,
    e.sales, e.returns, e.quantity, e.amount, e.net, e.tax, e.discount, e.tip
  from sales.additions a
  cross join json_to_recordset(a.entries::json) as e (dimension text, key text, sales numeric, returns numeric,
    quantity numeric, amount numeric, net numeric, tax numeric, discount numeric, tip numeric);
grant select on sales.totals_so_far to tillstream_edge;
