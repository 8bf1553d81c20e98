-- What a batch has changed is one row, not one for each tenant: with a hundred tenants that was as many rows as the batch had
-- itself, each with two index entries and a look at its generation.
--
-- Nothing need be kept: a cache whose look fails, because the function has changed, drops everything.

SET ROLE closter_append;
DROP FUNCTION main.changes_after(pg_snapshot);
SET ROLE closter_owner;
DROP TABLE main.changes;

CREATE TABLE main.changes (
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    projection text NOT NULL,
    generation integer NOT NULL,
    position   bigint NOT NULL, -- of the checkpoint
    tenants    uuid[] NOT NULL, -- of the rows, one for each
    ids        uuid[] NOT NULL, -- theirs; a null: any of the tenant's
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (cardinality(tenants) = cardinality(ids))
) WITH (toast_tuple_target = 8160);
ALTER TABLE main.changes
    ALTER COLUMN tenants SET STORAGE MAIN, ALTER COLUMN ids SET STORAGE MAIN;
CREATE INDEX changes_xid ON main.changes (xid);

GRANT SELECT, INSERT, DELETE ON main.changes TO closter_projector;
GRANT SELECT ON main.changes TO closter_operator, closter_append;
ALTER TABLE main.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON main.changes TO closter_projector USING (true) WITH CHECK (true);
CREATE POLICY all_tenants_read ON main.changes FOR SELECT TO closter_operator, closter_append USING (true);

-- What has been committed between an earlier call's snapshot and this one's: `seen`, to be given next time, and a row
-- for each change of a generation that answers reads, or did until a moment ago. Without an earlier snapshot it gives
-- this one's alone.
GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE FUNCTION main.changes_after(prior pg_snapshot)
RETURNS TABLE (seen text, projection text, tenants uuid[], ids uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT pg_current_snapshot()::text, c.projection, c.tenants, c.ids
    FROM (SELECT) once
    LEFT JOIN (
        main.changes c JOIN main.generations g
            ON g.projection = c.projection AND g.generation = c.generation AND g.status IN ('live', 'retired')
    ) ON c.xid >= pg_snapshot_xmin(prior) AND NOT pg_visible_in_snapshot(c.xid, prior);
END;
$$;
REVOKE ALL ON FUNCTION main.changes_after(pg_snapshot) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.changes_after(pg_snapshot) TO closter_query;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
