-- The log of the shard, and what append writes in the same transaction.

CREATE SCHEMA main;
GRANT USAGE ON SCHEMA main
    TO closter_operator, closter_command, closter_projector, closter_query, closter_worker, closter_append, closter_search;

-- Events. Positions are contiguous and visible in order: append holds the shard's lock until its commit.
CREATE TABLE main.events (
    position       bigint PRIMARY KEY CHECK (position > 0),
    tenant_id      uuid NOT NULL,
    category       text NOT NULL,
    stream_id      uuid NOT NULL,
    version        bigint NOT NULL CHECK (version > 0),
    type           text NOT NULL,
    schema_version smallint NOT NULL CHECK (schema_version > 0),
    correlation_id uuid NOT NULL,
    command_id     uuid NOT NULL,
    data           jsonb NOT NULL,
    metadata       jsonb NOT NULL, -- actor, on_behalf_of, causation_id, traceparent, requested_at
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT events_stream_version UNIQUE (tenant_id, category, stream_id, version)
);
CREATE INDEX events_correlation ON main.events (tenant_id, correlation_id, position);
CREATE INDEX events_tenant ON main.events (tenant_id, position);

CREATE FUNCTION main.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON main.events
    FOR EACH STATEMENT EXECUTE FUNCTION main.refuse_change();
-- Holds under session_replication_role = replica too.
ALTER TABLE main.events ENABLE ALWAYS TRIGGER append_only;

-- The operational tables: each aggregate's present state, written with its events.
-- Dual write, snapshot and what decisions read, in one.
CREATE TABLE main.aggregates (
    tenant_id  uuid NOT NULL,
    category   text NOT NULL,
    stream_id  uuid NOT NULL,
    version    bigint NOT NULL CHECK (version > 0),
    position   bigint NOT NULL CHECK (position > 0),
    state      json NOT NULL, -- kept as written: documents made from it must come out byte for byte
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, category, stream_id)
) PARTITION BY LIST (category);
CREATE TABLE main.aggregates_tenant PARTITION OF main.aggregates FOR VALUES IN ('tenant');
CREATE TABLE main.aggregates_item PARTITION OF main.aggregates FOR VALUES IN ('item') WITH (fillfactor = 85);
CREATE TABLE main.aggregates_listing PARTITION OF main.aggregates FOR VALUES IN ('listing') WITH (fillfactor = 85);
CREATE TABLE main.aggregates_import PARTITION OF main.aggregates FOR VALUES IN ('import') WITH (fillfactor = 70);
CREATE INDEX aggregates_import_open ON main.aggregates_import (tenant_id, stream_id)
    WHERE (state ->> 'status') IN ('queued', 'running');

-- The outcome of an intent under its idempotency key, for 90 days, in daily partitions: old days are dropped, not
-- deleted. A key is looked for in every day before the intent is decided, and in the last two under append's lock.
CREATE TABLE main.outcomes (
    tenant_id      uuid NOT NULL,
    key            text NOT NULL,
    day            date NOT NULL,
    fingerprint    bytea NOT NULL, -- an HMAC of principal, method, path and body
    command_id     uuid NOT NULL,
    category       text NOT NULL,
    stream_id      uuid NOT NULL,
    version        bigint NOT NULL,
    position       bigint NOT NULL,
    first_position bigint, -- null: the intent was already true and appended nothing
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key, day)
) PARTITION BY RANGE (day);
-- Keeps writes going should nobody have made the day's partition.
CREATE TABLE main.outcomes_default PARTITION OF main.outcomes DEFAULT;

-- What must be unique for ever: (kind, value) within a tenant, and the stream that holds it.
CREATE TABLE main.claims (
    tenant_id  uuid NOT NULL,
    kind       text NOT NULL,
    value      text COLLATE "C" NOT NULL,
    category   text NOT NULL,
    stream_id  uuid NOT NULL,
    position   bigint NOT NULL,
    CONSTRAINT claims_value PRIMARY KEY (tenant_id, kind, value)
);

-- Effects on the outside world, performed by the worker after the commit.
CREATE TABLE main.outbox (
    task_id        uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    kind           text NOT NULL,
    payload        jsonb NOT NULL,
    position       bigint NOT NULL, -- of the intent's last event
    correlation_id uuid NOT NULL,
    command_id     uuid NOT NULL,
    traceparent    text,
    run_at         timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    attempts       integer NOT NULL DEFAULT 0,
    lease_until    timestamptz,
    lease_token    bigint NOT NULL DEFAULT 0, -- fencing: a completion must name the lease it holds
    completed_at   timestamptz,
    last_error     text
);
CREATE INDEX outbox_ready ON main.outbox (run_at, task_id) WHERE completed_at IS NULL;
CREATE INDEX outbox_correlation ON main.outbox (tenant_id, correlation_id);

-- Intents that fall due at a time, or that the worker hands back with what it learned.
CREATE TABLE main.due_intents (
    intent_id      uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    kind           text NOT NULL,
    payload        jsonb NOT NULL,
    due_at         timestamptz NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id   uuid,
    traceparent    text,
    created_at     timestamptz NOT NULL,
    attempts       integer NOT NULL DEFAULT 0,
    lease_until    timestamptz,
    lease_token    bigint NOT NULL DEFAULT 0,
    completed_at   timestamptz,
    last_error     text
);
CREATE INDEX due_intents_ready ON main.due_intents (due_at, intent_id) WHERE completed_at IS NULL;

-- Row-level security: every tenant table, the owner included; no policy, no row.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'events', 'aggregates', 'aggregates_tenant', 'aggregates_item', 'aggregates_listing', 'aggregates_import',
        'outcomes', 'outcomes_default', 'claims', 'outbox', 'due_intents']
    LOOP
        EXECUTE format('ALTER TABLE main.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE main.%I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END;
$$;

-- append and the definer functions work across tenants.
CREATE POLICY all_tenants ON main.events TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.aggregates TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.outcomes TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.claims TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.outbox TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.due_intents TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants ON main.aggregates_import FOR SELECT TO closter_append USING (true);
GRANT SELECT, INSERT ON main.events, main.outcomes, main.outbox, main.due_intents TO closter_append;
GRANT SELECT, INSERT, UPDATE ON main.aggregates TO closter_append;
GRANT SELECT, INSERT, DELETE ON main.claims TO closter_append;
GRANT SELECT ON main.aggregates_import TO closter_append;

-- command and query see the tenant that is set, and nothing when none is.
CREATE POLICY own_tenant ON main.aggregates FOR SELECT TO closter_command, closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant ON main.outcomes FOR SELECT TO closter_command
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant ON main.claims FOR SELECT TO closter_command
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant ON main.events FOR SELECT TO closter_command
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant ON main.outbox FOR SELECT TO closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
GRANT SELECT ON main.aggregates TO closter_command, closter_query;
GRANT SELECT ON main.outcomes, main.claims, main.events TO closter_command;
GRANT SELECT (task_id, tenant_id, kind, position, correlation_id, command_id, run_at, created_at, attempts, completed_at)
    ON main.outbox TO closter_query;

-- the projector's work crosses tenants.
CREATE POLICY projector_read ON main.events FOR SELECT TO closter_projector USING (true);
GRANT SELECT ON main.events TO closter_projector;

-- the worker completes tasks and hands in intents, of every tenant.
CREATE POLICY worker ON main.outbox TO closter_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON main.due_intents TO closter_worker USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON main.outbox TO closter_worker;
GRANT SELECT, INSERT ON main.due_intents TO closter_worker;

-- the operator reads everything.
CREATE POLICY operator_read ON main.events FOR SELECT TO closter_operator USING (true);
CREATE POLICY operator_read ON main.aggregates FOR SELECT TO closter_operator USING (true);
CREATE POLICY operator_read ON main.outcomes FOR SELECT TO closter_operator USING (true);
CREATE POLICY operator_read ON main.claims FOR SELECT TO closter_operator USING (true);
CREATE POLICY operator_read ON main.outbox FOR SELECT TO closter_operator USING (true);
CREATE POLICY operator_read ON main.due_intents FOR SELECT TO closter_operator USING (true);
GRANT SELECT ON main.events, main.aggregates, main.outcomes, main.claims, main.outbox, main.due_intents TO closter_operator;
