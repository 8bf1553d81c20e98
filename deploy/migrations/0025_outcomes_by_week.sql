-- Outcomes lie in partitions of a week. A write with a key looks for it in every partition before it is decided: in the
-- 98 that ninety days make that took 1.1 ms, in 15 it takes 0.1. The days that there are stay until they are past.

-- As `rotate_outcomes`, on any day. For that function alone.
CREATE FUNCTION main.rotate_outcomes_at(today date, ahead int, keep int) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first date; -- the first day without a partition
    until date; -- the day after the last of the next one
    name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.rotate.main', 0));
    LOOP
        SELECT max((regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$TO \('(\d{4}-\d\d-\d\d)'\)$re$))[1]::date)
        INTO first FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'main.outcomes'::regclass;
        EXIT WHEN first > today + least(ahead, 30);
        -- What has gone to the default partition, because nobody had made the week's, goes with its week. Nothing comes
        -- in between, and nobody sees the table without its policies.
        LOCK TABLE main.outcomes_default IN ACCESS EXCLUSIVE MODE;
        ALTER TABLE main.outcomes_default NO FORCE ROW LEVEL SECURITY;
        first := coalesce(first, (SELECT least(min(d.day), today) FROM main.outcomes_default d));
        until := date_trunc('week', greatest(first, today))::date + 7;
        name := 'outcomes_' || to_char(first, 'YYYYMMDD');
        EXECUTE format('CREATE TABLE main.%I (LIKE main.outcomes INCLUDING ALL)', name);
        EXECUTE format(
            'WITH moved AS (DELETE FROM main.outcomes_default WHERE day >= %L AND day < %L RETURNING *)
             INSERT INTO main.%I SELECT * FROM moved', first, until, name);
        EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE main.outcomes ATTACH PARTITION main.%I FOR VALUES FROM (%L) TO (%L)',
                       name, first, until);
        ALTER TABLE main.outcomes_default FORCE ROW LEVEL SECURITY;
    END LOOP;
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'main.outcomes'::regclass AND c.relname ~ '^outcomes_\d{8}$'
          AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$TO \('(\d{4}-\d\d-\d\d)'\)$re$))[1]::date
              <= today - greatest(keep, 90)
    LOOP
        EXECUTE format('DROP TABLE main.%I', name);
    END LOOP;
END;
$$;
REVOKE ALL ON FUNCTION main.rotate_outcomes_at(date, int, int) FROM PUBLIC;

-- Makes the partitions of outcomes for the days to come and drops those that are past their 90 days.
-- Anyone who may append may ask for it; it does nothing twice. Whoever reads outcomes for long (a dump) does not hold up
-- writes behind it: it gives up after a second, and is asked again within the hour, for a week.
CREATE OR REPLACE FUNCTION main.rotate_outcomes(ahead int DEFAULT 7, keep int DEFAULT 90) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
AS $$
BEGIN
    PERFORM main.rotate_outcomes_at((clock_timestamp() AT TIME ZONE 'UTC')::date, ahead, keep);
END;
$$;
