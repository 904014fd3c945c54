-- The ledger by product, so that a level can be compared with its movements without reading the merchant's whole history.
-- While it is built, the stock worker waits and sales go on.
create index movements_by_product on stock.movements (merchant_id, store_id, product_id) include (delta);
