-- append's plans, whatever the tables' sizes were when a session first made them.
--
-- Its statements look up a few keys in tables of any size. A session that connects to an empty database plans them for empty
-- tables (read whole, by an index if need be, and joined) and keeps that plan until somebody has analyzed them: minutes of
-- writing later each append reads what those minutes have brought (measured: 5,700 intents/s became 730). So a look-up is
-- written as one that nobody can turn round, a row at most for each key, and what could never be wanted is switched off.
-- A key is looked for in two days and the next, should the clock have been ahead: each day further costs every intent a look
-- into an empty partition.

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

CREATE OR REPLACE FUNCTION main.append(
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
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
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
        CROSS JOIN LATERAL (
            SELECT * FROM main.outcomes p
            WHERE p.tenant_id = i.tenant AND p.key = i.key AND p.day BETWEEN today - 1 AND today + 1
            LIMIT 1
        ) o
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
        LEFT JOIN LATERAL (
            SELECT s.version FROM main.aggregates s
            WHERE s.tenant_id = i_tenant[x.intent] AND s.category = x.category AND s.stream_id = x.stream
            LIMIT 1
        ) a ON true
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
            CROSS JOIN LATERAL (
                SELECT * FROM main.claims p
                WHERE p.tenant_id = i_tenant[c.intent] AND p.kind = c.kind AND p.value = c.value
                LIMIT 1
            ) h
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
        CROSS JOIN LATERAL (
            SELECT p.ctid AS place FROM main.claims p
            WHERE p.tenant_id = i_tenant[c.intent] AND p.kind = c.kind AND p.value = c.value
              AND p.stream_id = c.stream
            LIMIT 1
        ) held
        WHERE c.action = 'release' AND verdict[c.intent] = 'appended' AND h.ctid = held.place;
        INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
        SELECT i_tenant[c.intent], c.kind, c.value, c.category, c.stream, lasts[c.intent]
        FROM unnest(c_intent, c_action, c_kind, c_value, c_category, c_stream)
            AS c (intent, action, kind, value, category, stream)
        WHERE c.action = 'take' AND verdict[c.intent] = 'appended'
          AND (SELECT h.stream_id FROM main.claims h
               WHERE h.tenant_id = i_tenant[c.intent] AND h.kind = c.kind AND h.value = c.value)
              IS DISTINCT FROM c.stream;
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

SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
