-- The conventional server's tables. No foreign keys, for Tillstream has none on this way either.

create table products (
  product_id uuid primary key,
  unit_price bigint not null
);

create table stock (
  store_id uuid not null,
  product_id uuid not null,
  on_hand bigint not null, -- thousandths of a unit
  primary key (store_id, product_id)
) with (fillfactor = 50); -- room for updates within the page

create table sales (
  sale_id uuid primary key,
  store_id uuid not null,
  register_id uuid not null,
  currency text not null,
  total bigint not null,
  sold_at timestamptz not null default now()
);

create table sale_lines (
  sale_id uuid not null,
  line smallint not null,
  product_id uuid not null,
  quantity bigint not null, -- thousandths of a unit
  unit_price bigint not null,
  amount bigint not null,
  primary key (sale_id, line)
);

create table payments (
  sale_id uuid not null,
  payment smallint not null,
  method text not null,
  amount bigint not null,
  primary key (sale_id, payment)
);
