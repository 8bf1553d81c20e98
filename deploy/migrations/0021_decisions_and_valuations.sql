-- What rules decided, and what items are worth.

SELECT main.add_category('decision');
SELECT main.add_category('valuation');
SELECT main.add_record_projection('decisions', ARRAY['subject', 'item_id', 'kind']);
SELECT main.add_record_projection('valuations', ARRAY['item_id', 'method']);

-- A sold item is found by a claim on what it is alike in. What was sold before takes it here, spelt as the command service
-- spells it (Likeness).
SET ROLE closter_append;
INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
SELECT a.tenant_id, 'comparable',
       '[' || to_json(a.state ->> 'category')::text || ',' || to_json(a.state ->> 'brand')::text || ','
           || to_json(a.state ->> 'condition')::text || ']/' || a.stream_id,
       a.category, a.stream_id, a.position
FROM main.aggregates a
WHERE a.category = 'item' AND a.state ->> 'allocation' = 'sold' AND (a.state ->> 'deleted') IS NULL
  AND a.state ->> 'category' IS NOT NULL AND a.state ->> 'brand' IS NOT NULL
  AND a.state ->> 'condition' <> 'ungraded';
SET ROLE closter_owner;
