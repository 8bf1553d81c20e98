-- What is asked a hundred times a second is planned once a session: a body in SQL is planned anew by every statement that
-- calls it, which took ten times as long as what it then did (measured: changes_after 0.31 ms, 0.04 ms planned once).
--
-- A session that connects while main.changes is empty must not plan for an empty table: it goes by the index of xid.

GRANT CREATE ON SCHEMA main, closter TO closter_append;
SET ROLE closter_append;

CREATE OR REPLACE FUNCTION main.changes_after(prior pg_snapshot)
RETURNS TABLE (seen text, projection text, generation int, tenant_id uuid, keys uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT pg_current_snapshot()::text, c.projection, c.generation, c.tenant_id, c.keys
    FROM (SELECT) once
    LEFT JOIN (
        main.changes c JOIN main.generations g
            ON g.projection = c.projection AND g.generation = c.generation AND g.status IN ('live', 'retired')
    ) ON c.xid >= pg_snapshot_xmin(prior) AND NOT pg_visible_in_snapshot(c.xid, prior);
END;
$$;

CREATE OR REPLACE FUNCTION main.head() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT max(e.position) FROM main.events e), 0);
END;
$$;

CREATE OR REPLACE FUNCTION closter.tenant_by_slug(wanted text)
RETURNS TABLE (tenant_id uuid, shard text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT t.tenant_id, t.shard FROM closter.tenants t WHERE t.slug = wanted;
END;
$$;

SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main, closter FROM closter_append;
