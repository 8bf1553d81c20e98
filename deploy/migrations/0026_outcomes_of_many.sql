-- What is known under many keys, of any tenants, in one statement: a statement for each write with a key, with its tenant
-- set, took as long as a third of the write.
--
-- It is asked by who writes for all tenants anyway; each key is given with its tenant, and nothing else is found. It is
-- planned as `append` is: a row at most for each key, from the index, whatever the sizes of the partitions were when the
-- session first planned it.

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE FUNCTION main.outcomes_of(tenants uuid[], keys text[])
RETURNS TABLE (
    ordinal        int,         -- of the key among them, from 1; those that are not known are missing
    category       text,
    stream_id      uuid,
    version        bigint,
    "position"     bigint,
    first_position bigint,
    recorded_at    timestamptz,
    fingerprint    bytea,
    command_id     uuid
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT k.ordinal::int, o.category, o.stream_id, o.version, o.position, o.first_position, o.recorded_at, o.fingerprint,
           o.command_id
    FROM unnest(tenants, keys) WITH ORDINALITY AS k (tenant, key, ordinal)
    CROSS JOIN LATERAL (
        SELECT * FROM main.outcomes p WHERE p.tenant_id = k.tenant AND p.key = k.key LIMIT 1
    ) o;
END;
$$;
REVOKE ALL ON FUNCTION main.outcomes_of(uuid[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.outcomes_of(uuid[], text[]) TO closter_command;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
