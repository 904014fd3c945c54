-- Which products are sold for what goes onto gift cards: no other line of a sale pays for a card.
alter table catalog.products add column stored_value boolean not null default false;
