-- Projections. Each generation of a projection is a table of its own, made from the projection's template: creating,
-- filling and dropping one locks nobody, and one row in `generations` says which is live.

CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA main;

CREATE TABLE main.generations (
    projection   text NOT NULL,
    generation   integer NOT NULL CHECK (generation > 0),
    table_name   text NOT NULL UNIQUE,
    fold_version integer NOT NULL, -- of the fold that fills it: a running program must have it to tail
    status       text NOT NULL CHECK (status IN ('building', 'live', 'retired')),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    live_at      timestamptz,
    PRIMARY KEY (projection, generation)
);
CREATE UNIQUE INDEX generations_live ON main.generations (projection) WHERE status = 'live';

-- How far a generation has come, one row a batch, in the transaction of its rows. The newest is the checkpoint.
-- Insert-only, and that is the compare-and-set: a second batch from the same predecessor breaks checkpoints_previous.
-- The times show the lag of each hop.
CREATE TABLE main.checkpoints (
    projection   text NOT NULL,
    generation   integer NOT NULL,
    previous     bigint NOT NULL,
    position     bigint NOT NULL CHECK (position > previous),
    tailed_at    timestamptz NOT NULL, -- when the batch was read from the log
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, generation, position),
    CONSTRAINT checkpoints_previous UNIQUE (projection, generation, previous),
    FOREIGN KEY (projection, generation) REFERENCES main.generations ON DELETE CASCADE
);

-- Whose rows a batch has changed: caches drop by it.
CREATE TABLE main.changes (
    projection text NOT NULL,
    generation integer NOT NULL,
    position   bigint NOT NULL, -- of the checkpoint
    tenant_id  uuid NOT NULL,
    PRIMARY KEY (projection, generation, position, tenant_id),
    FOREIGN KEY (projection, generation) REFERENCES main.generations ON DELETE CASCADE
);

GRANT SELECT ON main.generations, main.checkpoints TO closter_projector, closter_query, closter_operator;
GRANT SELECT, INSERT, DELETE ON main.checkpoints, main.changes TO closter_projector;
ALTER TABLE main.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON main.changes TO closter_projector USING (true) WITH CHECK (true);
CREATE POLICY all_tenants_read ON main.changes FOR SELECT TO closter_operator, closter_append USING (true);
GRANT SELECT ON main.changes TO closter_operator, closter_append;

-- Templates hold no rows. Columns to filter and sort by are typed; `document` is the answer as it goes to an operator,
-- `public_document` as it goes to a storefront (null: not visible there); `record` is the fold's memory.

CREATE TABLE main.items_template (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    position        bigint NOT NULL, -- of the last event that changed the row
    status          text NOT NULL,
    brand           text,
    category        text,
    condition       text NOT NULL,
    size            text,
    search          tsvector NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    document        text NOT NULL,
    public_document text,
    record          json NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 85);
CREATE INDEX ON main.items_template (tenant_id, created_at DESC, id DESC);
CREATE INDEX ON main.items_template (tenant_id, created_at DESC, id DESC) WHERE public_document IS NOT NULL;
CREATE INDEX ON main.items_template (tenant_id, status, created_at DESC, id DESC);
CREATE INDEX ON main.items_template (tenant_id, brand, created_at DESC, id DESC);
CREATE INDEX ON main.items_template (tenant_id, category, created_at DESC, id DESC);
CREATE INDEX ON main.items_template USING gin (tenant_id, search);

CREATE TABLE main.listings_template (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    item_id         uuid NOT NULL,
    version         bigint NOT NULL,
    position        bigint NOT NULL,
    status          text NOT NULL,
    channel         text NOT NULL,
    price           bigint NOT NULL, -- minor units of the tenant's currency
    brand           text,
    category        text,
    condition       text NOT NULL,
    size            text,
    search          tsvector NOT NULL,
    published_at    timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    document        text NOT NULL,
    public_document text,
    record          json NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 85);
CREATE INDEX ON main.listings_template (tenant_id, item_id);
CREATE INDEX ON main.listings_template (tenant_id, created_at DESC, id DESC);
CREATE INDEX ON main.listings_template (tenant_id, status, published_at DESC, id DESC);
CREATE INDEX ON main.listings_template (tenant_id, status, price, id);
CREATE INDEX ON main.listings_template (tenant_id, brand, published_at DESC, id DESC);
CREATE INDEX ON main.listings_template (tenant_id, category, published_at DESC, id DESC);
CREATE INDEX ON main.listings_template USING gin (tenant_id, search);

-- Makes the next generation of a projection, empty and with checkpoint 0, and returns its number.
-- The projection's first generation is live at once.
CREATE FUNCTION main.create_generation(wanted text, fold int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number int;
    name text;
BEGIN
    IF wanted NOT IN ('items', 'listings') THEN
        RAISE EXCEPTION 'there is no projection %', wanted USING ERRCODE = 'undefined_object';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.generations.' || wanted, 0));
    SELECT coalesce(max(g.generation), 0) + 1 INTO number FROM main.generations g WHERE g.projection = wanted;
    name := wanted || '_g' || number;
    EXECUTE format('CREATE TABLE main.%I (LIKE main.%I INCLUDING ALL) WITH (fillfactor = 85)', name, wanted || '_template');
    EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY all_tenants ON main.%I TO closter_projector USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY all_tenants_read ON main.%I FOR SELECT TO closter_operator, closter_search USING (true)', name);
    EXECUTE format(
        'CREATE POLICY own_tenant ON main.%I FOR SELECT TO closter_query
             USING (tenant_id = NULLIF(current_setting(''closter.tenant'', true), '''')::uuid)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON main.%I TO closter_projector', name);
    EXECUTE format('GRANT SELECT ON main.%I TO closter_query, closter_operator, closter_search', name);
    INSERT INTO main.generations (projection, generation, table_name, fold_version, status, live_at)
    VALUES (wanted, number, name, fold,
            CASE WHEN number = 1 THEN 'live' ELSE 'building' END,
            CASE WHEN number = 1 THEN clock_timestamp() END);
    RETURN number;
END;
$$;
ALTER TABLE main.items_template ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.items_template FORCE ROW LEVEL SECURITY;
ALTER TABLE main.listings_template ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.listings_template FORCE ROW LEVEL SECURITY;

REVOKE ALL ON FUNCTION main.create_generation(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.create_generation(text, int) TO closter_projector;

SELECT main.create_generation('items', 1);
SELECT main.create_generation('listings', 1);

-- What has changed, and for whom, since a checkpoint that the reader knows.
GRANT CREATE ON SCHEMA main TO closter_append, closter_search;
SET ROLE closter_append;
CREATE FUNCTION main.changes_since(wanted text, number int, since bigint)
RETURNS TABLE ("position" bigint, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.position, c.tenant_id FROM main.changes c
    WHERE c.projection = wanted AND c.generation = number AND c.position > since ORDER BY c.position
$$;
REVOKE ALL ON FUNCTION main.changes_since(text, int, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.changes_since(text, int, bigint) TO closter_query;

-- Searching: text-search operators are not leakproof, so a policy would keep them off the GIN index. This goes round
-- the policy with the tenant as an argument of the index condition, and gives nothing but ids. It takes the tenant
-- that is set, and finds nothing when none is.
SET ROLE closter_search;
CREATE FUNCTION main.search(generation text, query text, most int DEFAULT 10000) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, main, pg_temp
AS $$
BEGIN
    IF generation !~ '^(items|listings)_g\d{1,6}$' THEN
        RAISE EXCEPTION 'there is no generation %', generation USING ERRCODE = 'undefined_table';
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT g.id FROM main.%I g WHERE g.tenant_id = $1 AND g.search @@ $2::tsquery LIMIT $3', generation)
        USING NULLIF(current_setting('closter.tenant', true), '')::uuid, query, most;
END;
$$;
REVOKE ALL ON FUNCTION main.search(text, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.search(text, text, int) TO closter_query;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append, closter_search;
