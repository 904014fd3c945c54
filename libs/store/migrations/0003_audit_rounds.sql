-- How far each background check of the books has come and what it has found, so that a restart goes on from there. To have
-- a check begin anew, delete its row.
create schema audit;

create table audit.rounds (
  what text primary key, -- 'stock' or 'chain'
  round text not null -- JSON, written and read by the worker alone
);

alter table audit.rounds enable row level security;
create policy stock_checks on audit.rounds to tillstream_stock using (what = 'stock') with check (what = 'stock');
create policy receipts_checks on audit.rounds to tillstream_receipts using (what = 'chain') with check (what = 'chain');

grant usage on schema audit to tillstream_stock, tillstream_receipts;
grant select, insert, update on audit.rounds to tillstream_stock, tillstream_receipts;
