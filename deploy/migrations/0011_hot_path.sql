-- What caches must drop, told exactly: which rows of a tenant a transaction has changed, and which transaction it was.
--
-- A checkpoint's position does not tell what is new to a reader: a repair, or a parked queue that drains, changes rows
-- while the checkpoint stands still. A transaction does: what a reader has not seen is what its last snapshot had not.

ALTER TABLE main.changes
    ADD COLUMN keys       uuid[],                                      -- ids of the rows; null: any of the tenant's
    ADD COLUMN xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- What is read within minutes is forgotten after some more, however old the checkpoint is.
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX changes_xid ON main.changes (xid);
-- Two transactions at one checkpoint leave one row that says what both have changed.
GRANT UPDATE ON main.changes TO closter_projector;

DROP FUNCTION main.changes_since(text, int, bigint);

-- What has been committed between an earlier call's snapshot and this one's: `seen`, to be given next time, and a row
-- for each change of a generation that answers reads, or did until a moment ago. Without an earlier snapshot it gives
-- this one's alone.
GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE FUNCTION main.changes_after(prior pg_snapshot)
RETURNS TABLE (seen text, projection text, generation int, tenant_id uuid, keys uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_current_snapshot()::text, c.projection, c.generation, c.tenant_id, c.keys
    FROM (SELECT) once
    LEFT JOIN (
        main.changes c JOIN main.generations g
            ON g.projection = c.projection AND g.generation = c.generation AND g.status IN ('live', 'retired')
    ) ON c.xid >= pg_snapshot_xmin(prior) AND NOT pg_visible_in_snapshot(c.xid, prior)
$$;
REVOKE ALL ON FUNCTION main.changes_after(pg_snapshot) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.changes_after(pg_snapshot) TO closter_query;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
