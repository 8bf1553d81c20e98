-- append: the one way into the log.
--
-- One call takes a batch of intents as arrays and commits those that still hold; an intent that does not is told why
-- and costs no position, and its neighbours never notice. It must run at READ COMMITTED and in separate statements:
-- each takes its snapshot after the lock, so it sees all that was committed by whoever held the lock before.
--
-- The lock is the order. It is an advisory lock and not a counter row: under one old snapshot the dead versions of a
-- counter pile up and the append rate falls by 70 % in half a minute.
--
-- The caller keeps each stream, key and claim to one intent of a batch; two intents that meet anyway fail the batch
-- on a unique constraint, they never corrupt it.
--
-- Arrays of one prefix run in parallel. i: intents. x: the streams an intent reads or writes, with the version each
-- was decided on (0: must not exist). e: events, in order, numbered by the caller from x. s: new states.
-- c: claims (take, release, absent: no claim of this kind begins with the value). o: tasks. d: due intents.
-- The column `intent` of x, e, s, c, o and d is the 1-based index into the i arrays.

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

CREATE FUNCTION main.append(
    i_tenant uuid[], i_key text[], i_fingerprint bytea[], i_command uuid[], i_correlation uuid[], i_metadata text[],
    i_category text[], i_stream uuid[], i_version bigint[], i_position bigint[],
    x_intent int[], x_category text[], x_stream uuid[], x_version bigint[],
    e_intent int[], e_category text[], e_stream uuid[], e_version bigint[], e_type text[], e_schema int[], e_data text[],
    s_intent int[], s_category text[], s_stream uuid[], s_version bigint[], s_state text[],
    c_intent int[], c_action text[], c_kind text[], c_value text[], c_category text[], c_stream uuid[],
    o_intent int[], o_task uuid[], o_kind text[], o_payload text[], o_run_at timestamptz[],
    d_intent int[], d_id uuid[], d_kind text[], d_payload text[], d_due_at timestamptz[]
)
RETURNS TABLE (
    intent         int,
    outcome        text,        -- appended, replayed, conflict, claimed
    category       text,        -- appended, replayed: the intent's primary stream; conflict: the stream that moved;
    stream_id      uuid,        --   claimed: the stream that holds the claim
    version        bigint,      -- … and its version
    "position"     bigint,      -- appended, replayed: of the intent's last event, or its stream's where it had none
    first_position bigint,      -- appended, replayed: null where it had no events
    recorded_at    timestamptz,
    fingerprint    bytea,       -- replayed: of the first request
    command_id     uuid,        -- appended, replayed: of the intent that took effect
    claim_kind     text,
    claim_value    text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    intents  int := cardinality(i_tenant);
    recorded timestamptz;
    today    date;
    head     bigint;
    verdict  text[] := array_fill('appended'::text, ARRAY[intents]);
    numbers  bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(e_intent)]);
    firsts   bigint[] := array_fill(NULL::bigint, ARRAY[intents]);
    lasts    bigint[] := i_position;
    versions bigint[] := i_version;
    recorded_ats  timestamptz[];
    categories    text[] := i_category;
    streams       uuid[] := i_stream;
    prints   bytea[] := array_fill(NULL::bytea, ARRAY[intents]);
    commands uuid[] := i_command;
    kinds    text[] := array_fill(NULL::text, ARRAY[intents]);
    vals     text[] := array_fill(NULL::text, ARRAY[intents]);
    found    record;
    k        int;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append runs at READ COMMITTED only' USING ERRCODE = 'invalid_transaction_state';
    END IF;

    PERFORM pg_advisory_xact_lock(hashtextextended('closter.append.main', 0));
    recorded := clock_timestamp();
    today := (recorded AT TIME ZONE 'UTC')::date;
    recorded_ats := array_fill(recorded, ARRAY[intents]);

    -- Has the intent been run before?
    FOR found IN
        SELECT i.ordinal, o.* FROM unnest(i_tenant, i_key) WITH ORDINALITY AS i (tenant, key, ordinal)
        JOIN main.outcomes o ON o.tenant_id = i.tenant AND o.key = i.key AND o.day >= today - 1
    LOOP
        verdict[found.ordinal] := 'replayed';
        categories[found.ordinal] := found.category;
        streams[found.ordinal] := found.stream_id;
        versions[found.ordinal] := found.version;
        lasts[found.ordinal] := found.position;
        firsts[found.ordinal] := found.first_position;
        recorded_ats[found.ordinal] := found.recorded_at;
        prints[found.ordinal] := found.fingerprint;
        commands[found.ordinal] := found.command_id;
    END LOOP;

    -- Has a stream it was decided on moved?
    FOR found IN
        SELECT x.intent, x.category, x.stream, coalesce(a.version, 0) AS actual
        FROM unnest(x_intent, x_category, x_stream, x_version) AS x (intent, category, stream, expected)
        LEFT JOIN main.aggregates a
            ON a.tenant_id = i_tenant[x.intent] AND a.category = x.category AND a.stream_id = x.stream
        WHERE coalesce(a.version, 0) <> x.expected
    LOOP
        CONTINUE WHEN verdict[found.intent] <> 'appended';
        verdict[found.intent] := 'conflict';
        categories[found.intent] := found.category;
        streams[found.intent] := found.stream;
        versions[found.intent] := found.actual;
    END LOOP;

    -- Is a value it wants for itself taken, or one it wants absent there?
    IF cardinality(c_intent) > 0 THEN
        FOR found IN
            SELECT c.intent, h.kind, h.value, h.category, h.stream_id
            FROM unnest(c_intent, c_action, c_kind, c_value, c_stream) AS c (intent, action, kind, value, stream)
            JOIN main.claims h ON h.tenant_id = i_tenant[c.intent] AND h.kind = c.kind AND h.value = c.value
            WHERE c.action = 'take' AND h.stream_id <> c.stream
            UNION ALL
            SELECT c.intent, h.kind, h.value, h.category, h.stream_id
            FROM unnest(c_intent, c_action, c_kind, c_value) AS c (intent, action, kind, value)
            CROSS JOIN LATERAL (
                SELECT * FROM main.claims p
                WHERE p.tenant_id = i_tenant[c.intent] AND p.kind = c.kind
                  AND p.value >= c.value AND p.value < c.value || chr(1114111)
                LIMIT 1
            ) h
            WHERE c.action = 'absent'
        LOOP
            CONTINUE WHEN verdict[found.intent] <> 'appended';
            verdict[found.intent] := 'claimed';
            categories[found.intent] := found.category;
            streams[found.intent] := found.stream_id;
            kinds[found.intent] := found.kind;
            vals[found.intent] := found.value;
        END LOOP;
    END IF;

    -- Number what is accepted. Nothing of the rejected leaves a gap.
    SELECT coalesce(max(e.position), 0) INTO head FROM main.events e;
    FOR k IN 1 .. cardinality(e_intent) LOOP
        IF verdict[e_intent[k]] = 'appended' THEN
            head := head + 1;
            numbers[k] := head;
            IF firsts[e_intent[k]] IS NULL THEN
                firsts[e_intent[k]] := head;
            END IF;
            lasts[e_intent[k]] := head;
        END IF;
    END LOOP;

    INSERT INTO main.events (position, tenant_id, category, stream_id, version, type, schema_version,
                             correlation_id, command_id, data, metadata, recorded_at)
    SELECT e.position, i_tenant[e.intent], e.category, e.stream, e.version, e.type, e.schema,
           i_correlation[e.intent], i_command[e.intent], e.data::jsonb, i_metadata[e.intent]::jsonb, recorded
    FROM unnest(numbers, e_intent, e_category, e_stream, e_version, e_type, e_schema, e_data)
        AS e (position, intent, category, stream, version, type, schema, data)
    WHERE e.position IS NOT NULL;

    INSERT INTO main.aggregates AS a (tenant_id, category, stream_id, version, position, state, created_at, updated_at)
    SELECT i_tenant[s.intent], s.category, s.stream, s.version, lasts[s.intent], s.state::json, recorded, recorded
    FROM unnest(s_intent, s_category, s_stream, s_version, s_state) AS s (intent, category, stream, version, state)
    WHERE verdict[s.intent] = 'appended'
    ON CONFLICT (tenant_id, category, stream_id) DO UPDATE
        SET version = excluded.version, position = excluded.position, state = excluded.state,
            updated_at = excluded.updated_at;

    INSERT INTO main.outcomes (tenant_id, key, day, fingerprint, command_id, category, stream_id, version, position,
                               first_position, recorded_at)
    SELECT i.tenant, i.key, today, i.fingerprint, i.command, i.category, i.stream, i.version, i.last, i.first, recorded
    FROM unnest(verdict, i_tenant, i_key, i_fingerprint, i_command, i_category, i_stream, i_version, lasts, firsts)
        AS i (verdict, tenant, key, fingerprint, command, category, stream, version, last, first)
    WHERE i.verdict = 'appended';

    IF cardinality(c_intent) > 0 THEN
        DELETE FROM main.claims h
        USING unnest(c_intent, c_action, c_kind, c_value, c_stream) AS c (intent, action, kind, value, stream)
        WHERE c.action = 'release' AND verdict[c.intent] = 'appended'
          AND h.tenant_id = i_tenant[c.intent] AND h.kind = c.kind AND h.value = c.value AND h.stream_id = c.stream;
        INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
        SELECT i_tenant[c.intent], c.kind, c.value, c.category, c.stream, lasts[c.intent]
        FROM unnest(c_intent, c_action, c_kind, c_value, c_category, c_stream)
            AS c (intent, action, kind, value, category, stream)
        WHERE c.action = 'take' AND verdict[c.intent] = 'appended'
          AND NOT EXISTS (
              SELECT FROM main.claims h
              WHERE h.tenant_id = i_tenant[c.intent] AND h.kind = c.kind AND h.value = c.value
                AND h.stream_id = c.stream);
    END IF;

    IF cardinality(o_intent) > 0 THEN
        INSERT INTO main.outbox (task_id, tenant_id, kind, payload, position, correlation_id, command_id, traceparent,
                                 run_at, created_at)
        SELECT o.task, i_tenant[o.intent], o.kind, o.payload::jsonb, lasts[o.intent], i_correlation[o.intent],
               i_command[o.intent], i_metadata[o.intent]::jsonb ->> 'traceparent', coalesce(o.run_at, recorded), recorded
        FROM unnest(o_intent, o_task, o_kind, o_payload, o_run_at) AS o (intent, task, kind, payload, run_at)
        WHERE verdict[o.intent] = 'appended';
    END IF;

    IF cardinality(d_intent) > 0 THEN
        INSERT INTO main.due_intents (intent_id, tenant_id, kind, payload, due_at, correlation_id, causation_id,
                                      traceparent, created_at)
        SELECT d.id, i_tenant[d.intent], d.kind, d.payload::jsonb, d.due_at, i_correlation[d.intent],
               i_command[d.intent], i_metadata[d.intent]::jsonb ->> 'traceparent', recorded
        FROM unnest(d_intent, d_id, d_kind, d_payload, d_due_at) AS d (intent, id, kind, payload, due_at)
        WHERE verdict[d.intent] = 'appended';
    END IF;

    RETURN QUERY
    SELECT r.ordinal::int, r.verdict, r.category, r.stream, r.version, r.last, r.first, r.recorded, r.print,
           r.command, r.kind, r.value
    FROM unnest(verdict, categories, streams, versions, lasts, firsts, recorded_ats, prints, commands, kinds, vals)
        WITH ORDINALITY AS r (verdict, category, stream, version, last, first, recorded, print, command, kind, value, ordinal);
END;
$$;

-- The last position of the log, 0 while it is empty: a token beyond it is from another history.
CREATE FUNCTION main.head() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(max(e.position), 0) FROM main.events e $$;

DO $$
DECLARE
    signature regprocedure;
BEGIN
    SELECT p.oid INTO signature FROM pg_proc p
    WHERE p.pronamespace = 'main'::regnamespace AND p.proname = 'append';
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO closter_command', signature);
END;
$$;
REVOKE ALL ON FUNCTION main.head() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.head() TO closter_command, closter_query, closter_projector, closter_operator;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;

-- Makes the partitions of outcomes for the days to come and drops those past their 90 days.
-- Anyone who may append may ask for it; it does nothing twice.
CREATE FUNCTION main.rotate_outcomes(ahead int DEFAULT 7, keep int DEFAULT 90) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    day   date;
    name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.rotate.main', 0));
    FOR day IN SELECT generate_series(today, today + least(ahead, 30), interval '1 day')::date LOOP
        name := 'outcomes_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('main.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE main.%I (LIKE main.outcomes INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE main.outcomes ATTACH PARTITION main.%I FOR VALUES FROM (%L) TO (%L)',
                       name, day, day + 1);
    END LOOP;
    FOR name IN
        SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
        WHERE i.inhparent = 'main.outcomes'::regclass AND c.relname ~ '^outcomes_\d{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - greatest(keep, 90)
    LOOP
        EXECUTE format('DROP TABLE main.%I', name);
    END LOOP;
END;
$$;
SELECT main.rotate_outcomes();

REVOKE ALL ON FUNCTION main.rotate_outcomes(int, int), main.refuse_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.rotate_outcomes(int, int) TO closter_command;
