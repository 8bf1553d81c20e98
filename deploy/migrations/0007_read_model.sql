-- What operates the read model: rebuilds, repairs, parked and skipped events, the live feed of history.

-- Which listings an item has, by the log alone: where a fresh fold of a projection's row begins, and how a read from
-- the operational tables finds them. An index on the tables' state instead would end HOT updates there.
CREATE INDEX events_item_listings ON main.events (tenant_id, (data ->> 'item_id')) WHERE type = 'ListingCreated';

-- filling:  rows are put in, key by key, from a part of the log; no index, nobody reads or tails it
-- building: it tails the log and is compared
-- live:     it answers reads
-- retired:  it still tails, so that one can go back to it, until drop_at
ALTER TABLE main.generations DROP CONSTRAINT generations_status_check;
ALTER TABLE main.generations
    ADD CONSTRAINT generations_status_check CHECK (status IN ('filling', 'building', 'live', 'retired')),
    ADD COLUMN drop_at timestamptz;

-- REBUILDS. An operator (or the projector, for a fold of a new version) leaves a row, the projector does the work.
CREATE TABLE main.rebuilds (
    rebuild_id     uuid PRIMARY KEY,
    projection     text NOT NULL,
    requested_by   text NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    share          real NOT NULL CHECK (share > 0 AND share <= 64),        -- of a core, for all workers together
    batch          integer NOT NULL CHECK (batch BETWEEN 1 AND 100000),    -- rows in a transaction
    workers        integer NOT NULL CHECK (workers BETWEEN 1 AND 16),
    grace          interval NOT NULL CHECK (grace >= interval '0'),        -- how long the old generation stays
    status         text NOT NULL DEFAULT 'requested' CHECK (status IN
                       ('requested', 'filling', 'indexing', 'catching_up', 'comparing', 'done', 'cancelled', 'failed')),
    cancelled_by   text,                                                   -- somebody wants it to end
    fold_version   integer,                                                -- null until begun: the program's own
    generation     integer,                                                -- the one that is being filled
    target         bigint,                                                 -- filled with the log up to here
    started_at     timestamptz,
    ended_at       timestamptz,
    detail         text,                                                   -- why it failed
    rows_total     bigint,                                                 -- of the comparison
    rows_compared  bigint NOT NULL DEFAULT 0,
    rows_different bigint NOT NULL DEFAULT 0,                              -- in both, with other values
    rows_added     bigint NOT NULL DEFAULT 0,                              -- in the new one alone
    rows_removed   bigint NOT NULL DEFAULT 0                               -- in the old one alone
);
CREATE UNIQUE INDEX rebuilds_open ON main.rebuilds (projection) WHERE ended_at IS NULL;

-- The parts that are filled, several side by side, each with a share of the keys. The place is moved by compare-and-set in the
-- transaction that puts the rows in, so that a worker that was frozen puts nothing in twice.
CREATE TABLE main.rebuild_parts (
    rebuild_id   uuid NOT NULL REFERENCES main.rebuilds ON DELETE CASCADE,
    part         integer NOT NULL,
    low          uuid,            -- the keys after this; null: from the first
    high         uuid,            -- up to and including this; null: to the last
    after_tenant uuid,            -- everything up to this key is in; null: nothing yet
    after_key    uuid,
    events       bigint NOT NULL DEFAULT 0,
    rows         bigint NOT NULL DEFAULT 0,
    is_done      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (rebuild_id, part)
);
GRANT SELECT ON main.rebuilds, main.rebuild_parts TO closter_operator;
GRANT SELECT, INSERT, UPDATE ON main.rebuilds, main.rebuild_parts TO closter_projector;

-- Asks for a rebuild and returns its id; the open one's where there is one already.
CREATE FUNCTION main.request_rebuild(
    wanted text, requester text, core_share real, rows_per_batch int, worker_count int, keep interval
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid;
BEGIN
    IF to_regclass('main.' || quote_ident(wanted || '_template')) IS NULL THEN
        RAISE EXCEPTION 'there is no projection %', wanted USING ERRCODE = 'undefined_object';
    END IF;
    INSERT INTO main.rebuilds (rebuild_id, projection, requested_by, share, batch, workers, grace)
    VALUES (gen_random_uuid(), wanted, requester, core_share, rows_per_batch, worker_count, keep)
    ON CONFLICT (projection) WHERE ended_at IS NULL DO NOTHING;
    SELECT r.rebuild_id INTO id FROM main.rebuilds r WHERE r.projection = wanted AND r.ended_at IS NULL;
    PERFORM pg_notify('closter_main_requests', '');
    RETURN id;
END;
$$;

-- Asks for the end of the open rebuild; false where there is none.
CREATE FUNCTION main.cancel_rebuild(wanted text, requester text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE main.rebuilds r SET cancelled_by = coalesce(r.cancelled_by, requester)
    WHERE r.projection = wanted AND r.ended_at IS NULL;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM pg_notify('closter_main_requests', '');
    RETURN true;
END;
$$;

-- Makes the next generation of a projection, to be filled: its table has no index yet.
CREATE FUNCTION main.begin_generation(wanted text, fold int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number int;
    name text;
BEGIN
    IF to_regclass('main.' || quote_ident(wanted || '_template')) IS NULL THEN
        RAISE EXCEPTION 'there is no projection %', wanted USING ERRCODE = 'undefined_object';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.generations.' || wanted, 0));
    -- A number is never used twice: caches and a rebuild that has failed still know it.
    SELECT coalesce(greatest(
        (SELECT max(g.generation) FROM main.generations g WHERE g.projection = wanted),
        (SELECT max(r.generation) FROM main.rebuilds r WHERE r.projection = wanted)), 0) + 1 INTO number;
    name := wanted || '_g' || number;
    EXECUTE format('CREATE TABLE main.%I (LIKE main.%I INCLUDING ALL EXCLUDING INDEXES) WITH (fillfactor = 85)',
                   name, wanted || '_template');
    EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY all_tenants ON main.%I TO closter_projector USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY all_tenants_read ON main.%I FOR SELECT TO closter_operator, closter_search USING (true)', name);
    EXECUTE format(
        'CREATE POLICY own_tenant ON main.%I FOR SELECT TO closter_query
             USING (tenant_id = NULLIF(current_setting(''closter.tenant'', true), '''')::uuid)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON main.%I TO closter_projector', name);
    EXECUTE format('GRANT SELECT ON main.%I TO closter_query, closter_operator, closter_search', name);
    INSERT INTO main.generations (projection, generation, table_name, fold_version, status)
    VALUES (wanted, number, name, fold, 'filling');
    RETURN number;
END;
$$;

-- How many indexes a generation of this projection has.
CREATE FUNCTION main.generation_indexes(wanted text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT count(*)::int FROM pg_index i WHERE i.indrelid = to_regclass('main.' || quote_ident(wanted || '_template')) $$;

-- Makes the n-th index (from 1) of a generation that is being filled, as the template has it. Sessions may make several
-- at the same time. False: it is there already.
CREATE FUNCTION main.index_generation(wanted text, number int, ordinal int) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET maintenance_work_mem = '128MB' SET max_parallel_maintenance_workers = 0
AS $$
DECLARE
    generation_table text;
    definition text;
    name text;
BEGIN
    SELECT g.table_name INTO generation_table FROM main.generations g
    WHERE g.projection = wanted AND g.generation = number AND g.status = 'filling';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % of % is not being filled', number, wanted USING ERRCODE = 'undefined_object';
    END IF;
    name := generation_table || '_i' || ordinal;
    -- Whoever makes it already, for a process that is gone, is waited for.
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.indexes.' || name, 0));
    IF to_regclass('main.' || quote_ident(name)) IS NOT NULL THEN RETURN false; END IF;
    -- Everything from USING on, and whether it is unique.
    SELECT format('CREATE %s INDEX %I ON main.%I %s', CASE WHEN i.indisunique THEN 'UNIQUE' ELSE '' END, name,
                  generation_table, substring(pg_get_indexdef(i.indexrelid) FROM ' (USING .*)$'))
    INTO definition
    FROM (SELECT x.*, row_number() OVER (ORDER BY x.indexrelid) AS n FROM pg_index x
          WHERE x.indrelid = to_regclass('main.' || quote_ident(wanted || '_template'))) i
    WHERE i.n = ordinal;
    IF definition IS NULL THEN
        RAISE EXCEPTION 'a generation of % has no index %', wanted, ordinal USING ERRCODE = 'undefined_object';
    END IF;
    EXECUTE definition;
    RETURN true;
END;
$$;

-- The fill is complete: all indexes are there and the rows are those of the log up to `target`. From here on it tails.
CREATE FUNCTION main.complete_generation(wanted text, number int, target bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ordinal int;
    generation_table text;
BEGIN
    UPDATE main.generations g SET status = 'building'
    WHERE g.projection = wanted AND g.generation = number AND g.status = 'filling'
    RETURNING g.table_name INTO generation_table;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % of % is not being filled', number, wanted USING ERRCODE = 'undefined_object';
    END IF;
    FOR ordinal IN 1 .. main.generation_indexes(wanted) LOOP
        IF to_regclass('main.' || quote_ident(generation_table || '_i' || ordinal)) IS NULL THEN
            RAISE EXCEPTION 'index % of % is missing', ordinal, generation_table USING ERRCODE = 'undefined_object';
        END IF;
    END LOOP;
    IF target > 0 THEN
        INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
        VALUES (wanted, number, 0, target, clock_timestamp());
    END IF;
    EXECUTE format('ANALYZE main.%I', generation_table);
END;
$$;

-- Makes a generation the live one, and retires the one that was; what had been retired before is given up. False, and
-- nothing is changed, while it has not come as far as the live one: no reader may see time run backwards.
CREATE FUNCTION main.promote_generation(wanted text, number int, keep interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current_live int;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.generations.' || wanted, 0));
    IF NOT EXISTS (SELECT FROM main.generations g WHERE g.projection = wanted AND g.generation = number
                   AND g.status IN ('building', 'live', 'retired')) THEN
        RAISE EXCEPTION 'generation % of % cannot go live', number, wanted USING ERRCODE = 'undefined_object';
    END IF;
    SELECT g.generation INTO current_live FROM main.generations g WHERE g.projection = wanted AND g.status = 'live';
    IF current_live = number THEN RETURN true; END IF;
    -- No generation moves between the comparison and the commit.
    LOCK TABLE main.checkpoints IN SHARE ROW EXCLUSIVE MODE;
    IF (SELECT coalesce(max(c.position), 0) FROM main.checkpoints c WHERE c.projection = wanted AND c.generation = number)
       < (SELECT coalesce(max(c.position), 0) FROM main.checkpoints c WHERE c.projection = wanted AND c.generation = current_live)
    THEN
        RETURN false;
    END IF;
    UPDATE main.generations g SET drop_at = clock_timestamp()
    WHERE g.projection = wanted AND g.status = 'retired' AND g.generation <> number;
    UPDATE main.generations g SET status = 'retired', drop_at = clock_timestamp() + keep
    WHERE g.projection = wanted AND g.status = 'live';
    UPDATE main.generations g SET status = 'live', live_at = clock_timestamp(), drop_at = NULL
    WHERE g.projection = wanted AND g.generation = number;
    PERFORM pg_notify('closter_main_read', '');
    RETURN true;
END;
$$;

-- Goes back to the generation that was live before, with one change; the present one is kept for as long. Returns the
-- number of the one that is live now. null, and nothing is changed: it has not come as far as the live one yet.
CREATE FUNCTION main.return_generation(wanted text, keep interval) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number int;
BEGIN
    SELECT g.generation INTO number FROM main.generations g
    WHERE g.projection = wanted AND g.status = 'retired' AND g.drop_at > clock_timestamp()
    ORDER BY g.drop_at DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no generation to go back to', wanted USING ERRCODE = 'undefined_object';
    END IF;
    RETURN CASE WHEN main.promote_generation(wanted, number, keep) THEN number END;
END;
$$;

-- Drops a generation that is not live and that nobody leads, with all that belongs to it; false where somebody does.
CREATE FUNCTION main.drop_generation(wanted text, number int) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    generation_table text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.generations.' || wanted, 0));
    IF NOT pg_try_advisory_xact_lock(hashtextextended(format('closter.projector.main.%s.%s', wanted, number), 0)) THEN
        RETURN false;
    END IF;
    DELETE FROM main.generations g WHERE g.projection = wanted AND g.generation = number AND g.status <> 'live'
    RETURNING g.table_name INTO generation_table;
    IF FOUND THEN EXECUTE format('DROP TABLE main.%I', generation_table); END IF;
    RETURN true;
END;
$$;

REVOKE ALL ON FUNCTION
    main.request_rebuild(text, text, real, int, int, interval), main.cancel_rebuild(text, text),
    main.begin_generation(text, int), main.generation_indexes(text), main.index_generation(text, int, int),
    main.complete_generation(text, int, bigint), main.promote_generation(text, int, interval),
    main.return_generation(text, interval), main.drop_generation(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    main.request_rebuild(text, text, real, int, int, interval), main.cancel_rebuild(text, text),
    main.return_generation(text, interval) TO closter_operator;
GRANT EXECUTE ON FUNCTION
    main.request_rebuild(text, text, real, int, int, interval), main.begin_generation(text, int),
    main.generation_indexes(text), main.index_generation(text, int, int),
    main.complete_generation(text, int, bigint), main.promote_generation(text, int, interval),
    main.drop_generation(text, int) TO closter_projector;

-- PARKED EVENTS. An event that a group of rows (those of one item) cannot take is parked with all later ones of the
-- group, in order; every other row goes on.
CREATE TABLE main.parked (
    projection     text NOT NULL,
    generation     integer NOT NULL,
    position       bigint NOT NULL,   -- of the event
    tenant_id      uuid NOT NULL,
    group_id       uuid NOT NULL,
    category       text NOT NULL,
    stream_id      uuid NOT NULL,
    version        bigint NOT NULL,
    type           text NOT NULL,
    correlation_id uuid NOT NULL,
    reason         text,              -- why it could not be applied; null: it only waits behind one that could not
    attempts       integer NOT NULL DEFAULT 0,
    parked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at       timestamptz,
    wish           text CHECK (wish IN ('retry', 'skip')), -- what an operator wants done with it
    wished_by      text,
    PRIMARY KEY (projection, generation, position),
    FOREIGN KEY (projection, generation) REFERENCES main.generations ON DELETE CASCADE
);
CREATE INDEX parked_group ON main.parked (projection, generation, tenant_id, group_id, position);
CREATE INDEX parked_wish ON main.parked (projection, generation) WHERE wish IS NOT NULL;

-- Events that a projection passes over for good, in this and every later generation, because somebody decided so.
CREATE TABLE main.skipped (
    projection text NOT NULL,
    position   bigint NOT NULL,
    tenant_id  uuid NOT NULL,
    group_id   uuid NOT NULL,
    category   text NOT NULL,
    stream_id  uuid NOT NULL,
    type       text NOT NULL,
    reason     text,
    skipped_by text NOT NULL,
    skipped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, position)
);

-- REPAIRS. A group of rows is to be folded afresh from the log and put right.
CREATE TABLE main.repairs (
    repair_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection   text NOT NULL,
    generation   integer NOT NULL,
    tenant_id    uuid NOT NULL,
    group_id     uuid NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at      timestamptz,
    outcome      text CHECK (outcome IN ('mended', 'right', 'failed')),
    detail       text,
    FOREIGN KEY (projection, generation) REFERENCES main.generations ON DELETE CASCADE
);
CREATE UNIQUE INDEX repairs_open ON main.repairs (projection, generation, tenant_id, group_id) WHERE done_at IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['parked', 'skipped', 'repairs'] LOOP
        EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY all_tenants ON main.%I TO closter_projector, closter_append USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY all_tenants_read ON main.%I FOR SELECT TO closter_operator USING (true)', name);
        EXECUTE format('GRANT SELECT ON main.%I TO closter_operator', name);
    END LOOP;
END;
$$;
CREATE POLICY own_tenant ON main.parked FOR SELECT TO closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant ON main.skipped FOR SELECT TO closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
GRANT SELECT ON main.parked, main.skipped TO closter_query;
GRANT SELECT, INSERT, UPDATE, DELETE ON main.parked TO closter_projector;
GRANT SELECT, INSERT ON main.skipped TO closter_projector;
GRANT SELECT, INSERT, UPDATE, DELETE ON main.repairs TO closter_projector;
GRANT SELECT, UPDATE ON main.parked TO closter_append;
GRANT SELECT, INSERT ON main.repairs TO closter_append;
GRANT SELECT ON main.generations TO closter_append;

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

-- Asks for the event at `event_position` of a projection's live generation to be tried again, or passed over for good.
-- Only one that could not be applied can be asked for, not one that waits behind it. False: there is no such event.
CREATE FUNCTION main.request_parked(wanted text, event_position bigint, action text, requester text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE main.parked p SET wish = action, wished_by = requester
    FROM main.generations g
    WHERE g.projection = wanted AND g.status = 'live' AND p.projection = g.projection AND p.generation = g.generation
      AND p.position = event_position AND p.reason IS NOT NULL;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM pg_notify('closter_main_requests', '');
    RETURN true;
END;
$$;

-- Asks for a group of the live generation's rows to be folded afresh; returns the request's number (the open one's).
CREATE FUNCTION main.request_repair(wanted text, tenant uuid, wanted_group uuid, requester text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint;
    live int;
BEGIN
    SELECT g.generation INTO live FROM main.generations g WHERE g.projection = wanted AND g.status = 'live';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no projection %', wanted USING ERRCODE = 'undefined_object';
    END IF;
    INSERT INTO main.repairs (projection, generation, tenant_id, group_id, requested_by)
    VALUES (wanted, live, tenant, wanted_group, requester)
    ON CONFLICT (projection, generation, tenant_id, group_id) WHERE done_at IS NULL DO NOTHING;
    SELECT r.repair_id INTO number FROM main.repairs r
    WHERE r.projection = wanted AND r.generation = live AND r.tenant_id = tenant AND r.group_id = wanted_group
      AND r.done_at IS NULL;
    PERFORM pg_notify('closter_main_requests', '');
    RETURN number;
END;
$$;
REVOKE ALL ON FUNCTION main.request_parked(text, bigint, text, text), main.request_repair(text, uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.request_parked(text, bigint, text, text), main.request_repair(text, uuid, uuid, text)
    TO closter_operator;

-- HISTORY. What of an event's data a reader may see, said once for the view and for the feed.
CREATE FUNCTION main.redacted(type text, data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN type = 'KeyCreated' THEN data - 'hash' ELSE data END $$;
REVOKE ALL ON FUNCTION main.redacted(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.redacted(text, jsonb) TO closter_query;

CREATE OR REPLACE VIEW main.history WITH (security_barrier) AS
SELECT e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version,
       e.correlation_id, e.command_id,
       (e.metadata ->> 'causation_id')::uuid AS causation_id,
       e.metadata ->> 'actor' AS actor,
       e.metadata ->> 'on_behalf_of' AS on_behalf_of,
       e.metadata ->> 'traceparent' AS traceparent,
       (e.metadata ->> 'requested_at')::timestamptz AS requested_at,
       main.redacted(e.type, e.data) AS data,
       e.recorded_at
FROM main.events e
WHERE e.tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid;

-- The log of all tenants after a position, as history shows it: for the one reader of a process that hands each event
-- to the followers of its tenant.
CREATE FUNCTION main.feed(after bigint, most int)
RETURNS TABLE ("position" bigint, type text, category text, stream_id uuid, version bigint, data jsonb, actor text,
               correlation_id uuid, causation_id uuid, command_id uuid, recorded_at timestamptz, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.position, e.type, e.category, e.stream_id, e.version, main.redacted(e.type, e.data),
           e.metadata ->> 'actor', e.correlation_id, (e.metadata ->> 'causation_id')::uuid, e.command_id, e.recorded_at,
           e.tenant_id
    FROM main.events e WHERE e.position > after ORDER BY e.position LIMIT most
$$;

-- The listings of an item (item_…) of the tenant that is set: none when none is.
CREATE FUNCTION main.listings_of(item text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.stream_id FROM main.events e
    WHERE e.tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid
      AND e.type = 'ListingCreated' AND e.data ->> 'item_id' = item
$$;
REVOKE ALL ON FUNCTION main.feed(bigint, int), main.listings_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.feed(bigint, int), main.listings_of(text) TO closter_query;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
