-- Contracts: what a consignor and the store agree on.

SELECT main.add_category('contract');
SELECT main.add_record_projection('contracts', ARRAY['consignor_id']);
