-- What prices depend on besides the product: price lists and promotions, and what these are for.

alter table catalog.products
  add column categories uuid[] not null default '{}', -- its own, and those above
  add column weighed boolean not null default false;

-- Counts changes of a merchant's price lists and promotions, so that who keeps them in memory knows when to read them again;
-- locked by who changes them.
create table catalog.price_books (
  merchant_id uuid primary key references catalog.merchants,
  version integer not null check (version >= 0)
);

create table catalog.promotions (
  merchant_id uuid not null references catalog.merchants,
  promotion_id uuid not null,
  document text not null, -- domain::pricing::Promotion, JSON
  version integer not null check (version > 0),
  ended boolean not null,
  primary key (merchant_id, promotion_id)
);

create table catalog.price_lists (
  merchant_id uuid not null references catalog.merchants,
  list_id uuid not null,
  document text not null, -- domain::pricing::PriceList, JSON
  version integer not null check (version > 0),
  ended boolean not null,
  primary key (merchant_id, list_id)
);

create table catalog.prices (
  merchant_id uuid not null,
  product_id uuid not null,
  list_id uuid not null,
  from_quantity bigint not null check (from_quantity >= 0), -- thousandths of a unit
  unit_price bigint not null check (unit_price >= 0), -- minor units
  primary key (merchant_id, product_id, list_id, from_quantity),
  foreign key (merchant_id, product_id) references catalog.products,
  foreign key (merchant_id, list_id) references catalog.price_lists
);

grant select, insert, update on catalog.price_books, catalog.promotions, catalog.price_lists to tillstream_sales;
grant select, insert, update, delete on catalog.prices to tillstream_sales;
grant select on catalog.price_books, catalog.promotions, catalog.price_lists, catalog.prices to tillstream_edge;

do $$
declare
  tab regclass;
begin
  foreach tab in array array['catalog.price_books', 'catalog.promotions', 'catalog.price_lists', 'catalog.prices']::regclass[] loop
    execute format('alter table %s enable row level security', tab);
    execute format('create policy of_the_caller on %s for select to tillstream_edge using (merchant_id = inbox.caller())', tab);
    execute format('create policy writer on %s to tillstream_sales using (true) with check (true)', tab);
  end loop;
end
$$;
