-- A catalogue for measurements, written straight into log, operational tables and claims as the command service would
-- have left them: `closter verify` finds nothing to say about it. Projections take it in from the log.
--
-- psql variables: items (how many; each has five events: received, listed, published, made cheaper, edited).
-- They are spread over all tenants. Run as an administrator, with the command service idle.

\set ON_ERROR_STOP on
SET search_path = pg_catalog, pg_temp;
SET synchronous_commit = off;

-- A TypeID's suffix: 128 bits as 26 letters of base32.
CREATE FUNCTION pg_temp.suffix(id uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', substring(b.bits FROM 5 * g - 4 FOR 5)::bit(5)::int + 1, 1), '' ORDER BY g)
    FROM (SELECT B'00' || ('x' || replace(id::text, '-', ''))::bit(128) AS bits) b, generate_series(1, 26) g
$$;

-- Version 7: the time in milliseconds, the number, and a constant: distinct, ordered as they were made.
CREATE FUNCTION pg_temp.v7(milliseconds bigint, number bigint, kind int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(milliseconds), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8'
            || substr(md5(number::text), 1, 7) || lpad(to_hex(number), 8, '0'))::uuid
$$;

CREATE FUNCTION pg_temp.rfc3339(t timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

CREATE TEMP TABLE tenant ON COMMIT PRESERVE ROWS AS
    SELECT tenant_id, row_number() OVER (ORDER BY tenant_id) - 1 AS ordinal FROM closter.tenants;
CREATE TEMP TABLE started AS
    SELECT coalesce(max(position), 0) AS head,
           (extract(epoch FROM date_trunc('millisecond', clock_timestamp() - interval '30 days')) * 1000)::bigint AS origin
    FROM main.events;

-- Blocks of a thousand items: their events lie among one another as those of a working day do.
CREATE TEMP TABLE thing AS
SELECT n, n / 1000 AS block, least(1000, :items - n / 1000 * 1000) AS width, n % 1000 AS place, t.tenant_id,
       pg_temp.v7(s.origin + n, n, 1) AS item, pg_temp.v7(s.origin + n, n, 2) AS listing,
       to_timestamp((s.origin + n) / 1000.0) AS at,
       (ARRAY['Nordhem', 'Simple', 'Max Mara', 'Levi''s', 'COS', 'Arket', 'Reserved', 'Wólczanka'])[1 + n * 7 % 8] AS brand,
       (ARRAY['Coats', 'Shirts', 'Żakiety', 'Dresses', 'Shoes'])[1 + n * 11 % 5] AS category,
       (ARRAY['excellent', 'very_good', 'good', 'fair'])[1 + n * 5 % 4] AS condition,
       (ARRAY['34', '36', '38', '40', '42'])[1 + n * 3 % 5] AS size,
       5000 + n * 37 % 40000 AS price, 4000 + n * 37 % 40000 AS lower,
       'B-' || (s.head + n) AS sku -- of this catalogue and none before it
FROM generate_series(0, :items - 1) n
JOIN tenant t ON t.ordinal = n % (SELECT count(*) FROM tenant)
CROSS JOIN started s;
ALTER TABLE thing ADD COLUMN item_name text, ADD COLUMN received text, ADD COLUMN edited text;
UPDATE thing SET item_name = 'item_' || pg_temp.suffix(item), received = pg_temp.rfc3339(at),
                 edited = pg_temp.rfc3339(at + interval '4 minutes');

-- The log's indexes but its primary key are made when it is full: millions of entries at random places of each would take
-- longer than all the rest.
SET maintenance_work_mem = '512MB';
CREATE TEMP TABLE later AS
SELECT i.indexrelid::regclass::text AS index, c.conname AS name, pg_get_indexdef(i.indexrelid) AS index_definition,
       pg_get_constraintdef(c.oid) AS definition
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid
WHERE i.indrelid = 'main.events'::regclass AND NOT i.indisprimary;
SELECT CASE WHEN name IS NULL THEN 'DROP INDEX ' || index
            ELSE format('ALTER TABLE main.events DROP CONSTRAINT %I', name) END FROM later \gexec

INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                         correlation_id, command_id, data, metadata, recorded_at)
SELECT s.head + t.block * 5000 + e.phase * t.width + t.place + 1, t.tenant_id, e.category,
       CASE e.category WHEN 'item' THEN t.item ELSE t.listing END, e.version, e.type, 1, c.id, c.id, e.data,
       jsonb_build_object('actor', 'bench', 'command_id', c.id, 'correlation_id', c.id,
                          'requested_at', pg_temp.rfc3339(t.at + make_interval(mins => e.phase))),
       t.at + make_interval(mins => e.phase)
FROM thing t CROSS JOIN started s
CROSS JOIN LATERAL (VALUES
    (0, 'item', 1, 'ItemReceived', jsonb_build_object(
        'title', t.brand || ' ' || t.category || ' ' || t.n, 'condition', t.condition, 'description',
        'Worn a few times, cleaned and checked. The seams are firm, the lining is whole, all buttons are there. Number ' || t.n,
        'brand', t.brand, 'category', t.category, 'size', t.size, 'color', 'black', 'sku', t.sku,
        'photos', jsonb_build_array('https://cdn.example.com/' || t.n || '/1.jpg', 'https://cdn.example.com/' || t.n || '/2.jpg'),
        'attributes', jsonb_build_object('tags', jsonb_build_array('second-hand', lower(t.category))))),
    (1, 'listing', 1, 'ListingCreated', jsonb_build_object(
        'item_id', t.item_name, 'price', jsonb_build_object('amount', t.price, 'currency', 'PLN'), 'channel', 'storefront')),
    (2, 'listing', 2, 'ProductPublished', jsonb_build_object(
        'item_id', t.item_name, 'price', jsonb_build_object('amount', t.price, 'currency', 'PLN'))),
    (3, 'listing', 3, 'ListingPriceChanged', jsonb_build_object(
        'item_id', t.item_name, 'price', jsonb_build_object('amount', t.lower, 'currency', 'PLN'),
        'previous', jsonb_build_object('amount', t.price, 'currency', 'PLN'),
        'lowest_price_30d', jsonb_build_object('amount', t.price, 'currency', 'PLN'))),
    (4, 'item', 2, 'ProductUpdated', jsonb_build_object('changes', jsonb_build_object('material', 'wool')))
) AS e (phase, category, version, type, data)
CROSS JOIN LATERAL (SELECT pg_temp.v7((extract(epoch FROM t.at) * 1000)::bigint, t.n * 5 + e.phase, 3) AS id) c
ORDER BY 1;
SELECT CASE WHEN name IS NULL THEN index_definition
            ELSE format('ALTER TABLE main.events ADD CONSTRAINT %I %s', name, definition) END FROM later \gexec

INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
SELECT t.tenant_id, 'item', t.item, 2, s.head + t.block * 5000 + 4 * t.width + t.place + 1,
       format('{"id":%s,"version":2,"title":%s,"condition":"%s","description":%s,"brand":%s,"category":%s,"size":"%s",'
              || '"color":"black","material":"wool","sku":"%s","photos":["https://cdn.example.com/%s/1.jpg","https://cdn.example.com/%s/2.jpg"],'
              || '"attributes":{"tags":["second-hand",%s]},"created_at":"%s","updated_at":"%s"}',
              to_json(t.item), to_json(t.brand || ' ' || t.category || ' ' || t.n), t.condition,
              to_json('Worn a few times, cleaned and checked. The seams are firm, the lining is whole, all buttons are there. Number ' || t.n),
              to_json(t.brand), to_json(t.category), t.size, t.sku, t.n, t.n, to_json(lower(t.category)), t.received, t.edited)::json,
       t.at, t.at + interval '4 minutes'
FROM thing t CROSS JOIN started s ORDER BY t.n;

INSERT INTO main.aggregates (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
SELECT t.tenant_id, 'listing', t.listing, 3, s.head + t.block * 5000 + 3 * t.width + t.place + 1,
       format('{"id":%s,"version":3,"status":"published","item_id":%s,"channel":"storefront","price":{"amount":%s,"currency":"PLN"},'
              || '"price_history":[{"price":{"amount":%s,"currency":"PLN"},"at":"%s"},{"price":{"amount":%s,"currency":"PLN"},"at":"%s"}],'
              || '"lowest_price_30d":{"amount":%s,"currency":"PLN"},"published_at":"%s","created_at":"%s","updated_at":"%s"}',
              to_json(t.listing), to_json(t.item), t.lower, t.price, pg_temp.rfc3339(t.at + interval '2 minutes'), t.lower,
              pg_temp.rfc3339(t.at + interval '3 minutes'), t.price, pg_temp.rfc3339(t.at + interval '2 minutes'),
              pg_temp.rfc3339(t.at + interval '1 minute'), pg_temp.rfc3339(t.at + interval '3 minutes'))::json,
       t.at + interval '1 minute', t.at + interval '3 minutes'
FROM thing t CROSS JOIN started s ORDER BY t.n;

INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
SELECT t.tenant_id, 'sku', t.sku, 'item', t.item, s.head + t.block * 5000 + t.place + 1 FROM thing t CROSS JOIN started s
UNION ALL
SELECT t.tenant_id, 'open_listing', t.item || '/storefront', 'listing', t.listing,
       s.head + t.block * 5000 + t.width + t.place + 1 FROM thing t CROSS JOIN started s;

VACUUM (ANALYZE) main.events;
VACUUM (ANALYZE) main.aggregates;
VACUUM (ANALYZE) main.claims;
SELECT max(position) AS head FROM main.events;
