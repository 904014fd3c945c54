-- Taxes of several components, and cash that is rounded to what there are coins for.

alter table catalog.merchants
  add column cash_step smallint not null default 1 check (cash_step between 1 and 1000); -- minor units

-- Where there are components, rate is their sum.
alter table catalog.tax_categories
  add column component_names text[] not null default '{}',
  add column component_rates integer[] not null default '{}', -- millionths
  add constraint components_are_whole check (cardinality(component_names) = cardinality(component_rates));
