-- Intents that fall due: claimed for a while, run through the same path as anybody's, and finished with what became of them.
--
-- A claim is a short committed lease with a token that fences it: who lost it finishes nothing. Of a subject only the first
-- that is unfinished can be claimed, so that its intents are run in their order. Time comes from the caller.

ALTER TABLE main.due_intents
    ADD COLUMN subject  text GENERATED ALWAYS AS (payload ->> 'subject') STORED,
    ADD COLUMN outcome  text CHECK (outcome IN ('done', 'refused')),  -- null until it is finished
    ADD COLUMN code     text,                                         -- of the rule that refused it
    ADD COLUMN detail   text,
    ADD COLUMN position bigint,                                       -- of its last event
    ADD CONSTRAINT due_intents_outcome CHECK ((completed_at IS NULL) = (outcome IS NULL));
DROP INDEX main.due_intents_ready;
CREATE INDEX due_intents_ready ON main.due_intents (due_at, intent_id) WHERE completed_at IS NULL;
CREATE INDEX due_intents_turn ON main.due_intents (tenant_id, subject, due_at, intent_id) WHERE completed_at IS NULL;
CREATE INDEX due_intents_list ON main.due_intents (tenant_id, due_at, intent_id);
CREATE INDEX due_intents_finished ON main.due_intents (completed_at) WHERE completed_at IS NOT NULL;

GRANT UPDATE, DELETE ON main.due_intents TO closter_append;
CREATE POLICY tenant_read ON main.due_intents FOR SELECT TO closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
GRANT SELECT ON main.due_intents TO closter_query;

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

-- Leases what is due at `now`, at most `batch`, the longest due first; a lease that has run out is free again.
CREATE FUNCTION main.claim_due_intents(now timestamptz, batch int, lease interval)
RETURNS TABLE (intent_id uuid, tenant_id uuid, kind text, payload text, due_at timestamptz, correlation_id uuid,
               causation_id uuid, traceparent text, attempts int, lease_token bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH mine AS (
        SELECT d.intent_id FROM main.due_intents d
        WHERE d.completed_at IS NULL AND d.due_at <= now AND (d.lease_until IS NULL OR d.lease_until <= now)
          AND NOT EXISTS (
              SELECT FROM main.due_intents e
              WHERE e.completed_at IS NULL AND e.tenant_id = d.tenant_id AND e.subject = d.subject
                AND (e.due_at, e.intent_id) < (d.due_at, d.intent_id))
        ORDER BY d.due_at, d.intent_id LIMIT batch
        FOR UPDATE SKIP LOCKED
    )
    UPDATE main.due_intents d
    SET lease_until = now + lease, lease_token = d.lease_token + 1, attempts = d.attempts + 1
    FROM mine WHERE d.intent_id = mine.intent_id
    RETURNING d.intent_id, d.tenant_id, d.kind, d.payload::text, d.due_at, d.correlation_id, d.causation_id,
              d.traceparent, d.attempts, d.lease_token;
END;
$$;

-- When the next one can be claimed; null where none waits.
CREATE FUNCTION main.next_due_intent() RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    RETURN (SELECT greatest(d.due_at, d.lease_until) FROM main.due_intents d
            WHERE d.completed_at IS NULL ORDER BY d.due_at, d.intent_id LIMIT 1);
END;
$$;

-- False where the lease was lost: somebody else has run it meanwhile.
CREATE FUNCTION main.finish_due_intent(
    intent uuid, token bigint, now timestamptz, became text, refusal text, reason text, last bigint
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE main.due_intents d
    SET completed_at = now, outcome = became, code = refusal, detail = reason, position = last, last_error = NULL,
        lease_until = NULL
    WHERE d.intent_id = intent AND d.lease_token = token AND d.completed_at IS NULL;
    RETURN FOUND;
END;
$$;

-- It could not be run, and will be tried again at `later`; those of its subject that come after it wait for it.
CREATE FUNCTION main.postpone_due_intent(intent uuid, token bigint, later timestamptz, reason text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE main.due_intents d SET lease_until = later, last_error = reason
    WHERE d.intent_id = intent AND d.lease_token = token AND d.completed_at IS NULL;
    RETURN FOUND;
END;
$$;

-- What was finished 90 days ago is forgotten, as idempotency outcomes are.
CREATE FUNCTION main.sweep_due_intents() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM main.due_intents d WHERE d.completed_at < clock_timestamp() - interval '90 days';
END;
$$;

REVOKE ALL ON FUNCTION main.claim_due_intents(timestamptz, int, interval), main.next_due_intent(),
    main.finish_due_intent(uuid, bigint, timestamptz, text, text, text, bigint),
    main.postpone_due_intent(uuid, bigint, timestamptz, text), main.sweep_due_intents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.claim_due_intents(timestamptz, int, interval), main.next_due_intent(),
    main.finish_due_intent(uuid, bigint, timestamptz, text, text, text, bigint),
    main.postpone_due_intent(uuid, bigint, timestamptz, text), main.sweep_due_intents() TO closter_command;

SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
