-- Imports: the file as it came, and a report line for each of its rows.
-- The file is kept until the import has ended: a killed service goes on where it was.

CREATE TABLE main.import_chunks (
    tenant_id uuid NOT NULL,
    import_id uuid NOT NULL,
    chunk     integer NOT NULL CHECK (chunk >= 0),
    bytes     bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, import_id, chunk)
);
ALTER TABLE main.import_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE main.import_lines (
    tenant_id      uuid NOT NULL,
    import_id      uuid NOT NULL,
    line           integer NOT NULL CHECK (line > 0), -- of the file, from 1
    outcome        text NOT NULL CONSTRAINT import_lines_outcome
                       CHECK (outcome IN ('created', 'changed', 'unchanged', 'rejected', 'noted')),
    reason         text,
    item_id        uuid,
    listing_id     uuid,
    correlation_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, import_id, line)
);

ALTER TABLE main.import_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.import_chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE main.import_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.import_lines FORCE ROW LEVEL SECURITY;

CREATE POLICY all_tenants ON main.import_chunks TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.import_lines TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY own_tenant ON main.import_chunks FOR SELECT TO closter_command
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant ON main.import_lines FOR SELECT TO closter_command, closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY all_tenants_read ON main.import_lines FOR SELECT TO closter_operator USING (true);
GRANT SELECT, INSERT, DELETE ON main.import_chunks TO closter_append;
GRANT SELECT, INSERT ON main.import_lines TO closter_append;
GRANT SELECT ON main.import_chunks TO closter_command;
GRANT SELECT ON main.import_lines TO closter_command, closter_query, closter_operator;

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

-- These write for the tenant that is set, and refuse where none is.

CREATE FUNCTION main.store_import_chunk(import uuid, number int, content bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO main.import_chunks (tenant_id, import_id, chunk, bytes)
    VALUES (NULLIF(current_setting('closter.tenant', true), '')::uuid, import, number, content)
$$;

-- A line that is reported again keeps its first report: a resumed import may tell what it had told before.
CREATE FUNCTION main.report_import_lines(
    import uuid, lines int[], outcomes text[], reasons text[], items uuid[], listings uuid[], correlations uuid[]
) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO main.import_lines (tenant_id, import_id, line, outcome, reason, item_id, listing_id, correlation_id)
    SELECT NULLIF(current_setting('closter.tenant', true), '')::uuid, import, l.*
    FROM unnest(lines, outcomes, reasons, items, listings, correlations)
        AS l (line, outcome, reason, item, listing, correlation)
    ON CONFLICT (tenant_id, import_id, line) DO NOTHING
$$;

CREATE FUNCTION main.drop_import_chunks(import uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM main.import_chunks c
    WHERE c.tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid AND c.import_id = import
$$;

-- Files whose upload broke off: no import speaks of them, and they are a day old.
CREATE FUNCTION main.sweep_import_chunks() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM main.import_chunks c
    WHERE c.stored_at < clock_timestamp() - interval '1 day'
      AND NOT EXISTS (
          SELECT FROM main.aggregates a
          WHERE a.tenant_id = c.tenant_id AND a.category = 'import' AND a.stream_id = c.import_id)
$$;

-- The imports of every tenant that are to be gone on with.
CREATE FUNCTION main.open_imports() RETURNS TABLE (tenant_id uuid, import_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.tenant_id, a.stream_id FROM main.aggregates_import a
    WHERE (a.state ->> 'status') IN ('queued', 'running')
    ORDER BY a.stream_id
$$;

REVOKE ALL ON FUNCTION main.store_import_chunk(uuid, int, bytea),
    main.report_import_lines(uuid, int[], text[], text[], uuid[], uuid[], uuid[]),
    main.drop_import_chunks(uuid), main.sweep_import_chunks(), main.open_imports() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.store_import_chunk(uuid, int, bytea),
    main.report_import_lines(uuid, int[], text[], text[], uuid[], uuid[], uuid[]),
    main.drop_import_chunks(uuid), main.sweep_import_chunks(), main.open_imports() TO closter_command;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
