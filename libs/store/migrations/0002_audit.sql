-- The ledger by product, so that a level can be compared with its movements without reading the merchant's whole history.
-- By product alone, for it is written with every line of every sale: merchant and store would double its cost, and few
-- products are in many stores. While it is built, the stock worker waits and sales go on.
create index movements_by_product on stock.movements (product_id);
