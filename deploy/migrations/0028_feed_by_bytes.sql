-- What a read of the feed gives at once is bounded in bytes as well, as stored, like the projector's reads of the log: five
-- hundred events may be half a gigabyte. One event always comes.

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE OR REPLACE FUNCTION main.feed(after bigint, most int)
RETURNS TABLE ("position" bigint, type text, category text, stream_id uuid, version bigint, data jsonb, actor text,
               correlation_id uuid, causation_id uuid, command_id uuid, recorded_at timestamptz, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.position, e.type, e.category, e.stream_id, e.version, main.redacted(e.type, e.data),
           e.metadata ->> 'actor', e.correlation_id, (e.metadata ->> 'causation_id')::uuid, e.command_id, e.recorded_at,
           e.tenant_id
    FROM (
        SELECT l.*, sum(pg_column_size(l.data)) OVER (ORDER BY l.position) AS size
        FROM (SELECT * FROM main.events l WHERE l.position > after ORDER BY l.position LIMIT most) l
    ) e
    WHERE e.size <= 4 << 20 OR e.position = after + 1
    ORDER BY e.position
$$;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
