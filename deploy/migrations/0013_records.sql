-- Things whose own stream tells all of them: a projection each, made by one function.

-- What has a template is a projection.
DO $$
DECLARE
    body text;
BEGIN
    SELECT pg_get_functiondef(p.oid) INTO body FROM pg_proc p
    WHERE p.pronamespace = 'main'::regnamespace AND p.proname = 'create_generation';
    body := replace(body, 'wanted NOT IN (''items'', ''listings'')',
                    'to_regclass(''main.'' || quote_ident(wanted || ''_template'')) IS NULL');
    IF body NOT LIKE '%to_regclass(%' THEN RAISE EXCEPTION 'main.create_generation is not the one that this changes'; END IF;
    EXECUTE body;
END;
$$;

-- The operational table of a category.
CREATE FUNCTION main.add_category(wanted text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE TABLE main.%I PARTITION OF main.aggregates FOR VALUES IN (%L) WITH (fillfactor = 85)',
                   'aggregates_' || wanted, wanted);
    EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', 'aggregates_' || wanted);
    EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', 'aggregates_' || wanted);
END;
$$;

-- The template of a projection whose rows follow from one stream each, and its first generation, which is live and has
-- seen the log so far: there was nothing in it that it would show.
--
-- `filters`: columns of text, besides those that all have, by which lists filter; each with an index in the lists' order.
CREATE FUNCTION main.add_record_projection(wanted text, filters text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, main, pg_temp
AS $$
DECLARE
    template text := wanted || '_template';
    has_lz4  boolean;
    field    text;
    head     bigint;
BEGIN
    EXECUTE format(
        'CREATE TABLE main.%I (
             tenant_id  uuid NOT NULL,
             id         uuid NOT NULL,
             version    bigint NOT NULL,
             position   bigint NOT NULL, -- of the last event that changed the row
             status     text NOT NULL,
             search     tsvector NOT NULL,
             created_at timestamptz NOT NULL,
             updated_at timestamptz NOT NULL,
             document   text NOT NULL,   -- the answer as it goes to a member
             record     json NOT NULL,   -- the fold''s memory
             PRIMARY KEY (tenant_id, id)
         ) WITH (fillfactor = 85)', template);
    EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', template);
    EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', template);
    EXECUTE format('CREATE INDEX ON main.%I (tenant_id, created_at DESC, id DESC)', template);
    FOREACH field IN ARRAY ARRAY['status'] || filters LOOP
        IF field <> 'status' THEN
            EXECUTE format('ALTER TABLE main.%I ADD COLUMN %I text', template, field);
        END IF;
        EXECUTE format('CREATE INDEX ON main.%I (tenant_id, %I, created_at DESC, id DESC)', template, field);
    END LOOP;
    EXECUTE format('CREATE INDEX ON main.%I USING gin (tenant_id, search)', template);
    SELECT 'lz4' = ANY (enumvals) INTO has_lz4 FROM pg_settings WHERE name = 'default_toast_compression';
    IF has_lz4 THEN
        FOR field IN
            SELECT a.attname FROM pg_attribute a
            WHERE a.attrelid = format('main.%I', template)::regclass AND a.attnum > 0 AND a.attstorage = 'x'
        LOOP
            EXECUTE format('ALTER TABLE main.%I ALTER COLUMN %I SET STORAGE MAIN, ALTER COLUMN %I SET COMPRESSION lz4',
                           template, field, field);
        END LOOP;
    END IF;
    PERFORM main.create_generation(wanted, 1);
    -- The owner sees no event: row-level security is forced on everybody.
    SET LOCAL ROLE closter_append;
    SELECT main.head() INTO head;
    SET LOCAL ROLE closter_owner;
    IF head > 0 THEN
        INSERT INTO main.checkpoints (projection, generation, previous, position, tailed_at)
        VALUES (wanted, 1, 0, head, clock_timestamp());
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION main.add_category(text), main.add_record_projection(text, text[]) FROM PUBLIC;

-- Every projection that has a table can be searched.
DO $$
DECLARE
    body text;
BEGIN
    SELECT pg_get_functiondef(p.oid) INTO body FROM pg_proc p
    WHERE p.pronamespace = 'main'::regnamespace AND p.proname = 'search';
    body := replace(body, '^(items|listings)_g\d{1,6}$', '^[a-z]+(_[a-z]+)*_g\d{1,6}$');
    IF body NOT LIKE '%[a-z]+(%' THEN RAISE EXCEPTION 'main.search is not the one that this changes'; END IF;
    GRANT CREATE ON SCHEMA main TO closter_search;
    SET LOCAL ROLE closter_search;
    EXECUTE body;
    SET LOCAL ROLE closter_owner;
    REVOKE CREATE ON SCHEMA main FROM closter_search;
END;
$$;

SELECT main.add_category('location');
SELECT main.add_record_projection('locations', ARRAY['kind']);

-- What opens doors stays out of history, whatever brought it.
GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE OR REPLACE FUNCTION main.redacted(type text, data jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN type IN ('KeyCreated', 'KeyRotated') THEN data - 'hash' ELSE data END $$;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
