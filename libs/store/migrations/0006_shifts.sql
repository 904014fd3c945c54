-- Shifts, and what is in drawers.

-- One row for each register that has sold or had a shift: what the next decision depends on. The sales worker locks it for
-- each batch and adds what was sold, so that closing a shift reads this row and no sales.
create table sales.drawers (
  merchant_id uuid not null,
  register_id uuid not null,
  shift_id uuid, -- that is not closed
  document text not null, -- domain::shift::Drawer, JSON
  primary key (merchant_id, register_id)
) with (fillfactor = 50); -- room for updates within the page
create unique index drawers_by_shift on sales.drawers (merchant_id, shift_id) where shift_id is not null;

-- Closed shifts: their Z reports.
create table sales.shifts (
  merchant_id uuid not null,
  shift_id uuid not null,
  store_id uuid not null,
  register_id uuid not null,
  number bigint not null check (number > 0), -- ascending for each register, never reset
  closed_at timestamptz not null, -- by the worker's clock
  document text not null, -- domain::shift::Report, JSON
  primary key (merchant_id, shift_id),
  constraint z_number_once unique (merchant_id, register_id, number)
);
create index shifts_by_time on sales.shifts (merchant_id, closed_at, shift_id);

-- What drawers were opened for besides sales.
create table sales.drawer_events (
  merchant_id uuid not null,
  event_id uuid not null,
  shift_id uuid not null,
  store_id uuid not null,
  recorded_at timestamptz not null,
  document text not null, -- contract::shift::DrawerEvent, JSON
  primary key (merchant_id, event_id)
);
create index drawer_events_by_shift on sales.drawer_events (merchant_id, shift_id, recorded_at, event_id);

grant select, insert, update on sales.drawers to tillstream_sales;
grant select, insert on sales.shifts, sales.drawer_events to tillstream_sales;
grant select on sales.drawers, sales.shifts, sales.drawer_events to tillstream_edge;

do $$
declare
  tab regclass;
begin
  foreach tab in array array['sales.drawers', 'sales.shifts', 'sales.drawer_events']::regclass[] loop
    execute format('alter table %s enable row level security', tab);
    execute format('create policy of_the_caller on %s for select to tillstream_edge using (merchant_id = inbox.caller())', tab);
    execute format('create policy writer on %s to tillstream_sales using (true) with check (true)', tab);
  end loop;
end
$$;
