-- Offers: what buyers would give for what is listed, and what comes of it.

SELECT main.add_category('offer');
SELECT main.add_record_projection('offers', ARRAY['listing_id', 'item_id', 'buyer']);
