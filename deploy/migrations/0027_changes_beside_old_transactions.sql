-- What a look at the changes reads does not grow while an old transaction is open, as one that makes an index is: it went
-- through all that had come since that one began, at every ring. Now: what began after the earlier snapshot, and by number
-- what was under way in it.

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE OR REPLACE FUNCTION main.changes_after(prior pg_snapshot)
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
        (
            SELECT l.projection, l.generation, l.tenants, l.ids FROM main.changes l
            WHERE l.xid >= pg_snapshot_xmax(prior)
            UNION ALL
            SELECT e.projection, e.generation, e.tenants, e.ids FROM main.changes e
            WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(prior)))
        ) c JOIN main.generations g
            ON g.projection = c.projection AND g.generation = c.generation AND g.status IN ('live', 'retired')
    ) ON true;
END;
$$;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
