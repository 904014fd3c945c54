-- What has come back of sales, and the numbers that tills give them.

-- One row for each sale of which something came back, or that was voided; locked while that is decided.
create table sales.reversals (
  merchant_id uuid not null,
  sale_id uuid not null,
  voided_by uuid,
  state text not null, -- JSON: what came back of each line, and what went back to each tender
  primary key (merchant_id, sale_id),
  foreign key (merchant_id, sale_id) references sales.sales
) with (fillfactor = 70);

alter table sales.sales add column ticket bigint check (ticket > 0);
create index sales_by_ticket on sales.sales (merchant_id, register_id, ticket) where ticket is not null;

grant select, insert, update on sales.reversals to tillstream_sales;
grant select on sales.reversals to tillstream_edge;
alter table sales.reversals enable row level security;
create policy of_the_caller on sales.reversals for select to tillstream_edge using (merchant_id = inbox.caller());
create policy writer on sales.reversals to tillstream_sales using (true) with check (true);
