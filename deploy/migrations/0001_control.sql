-- The control schema: which shards there are, and which tenant lives in which.
-- A shard is a schema with the full set of tables, its own lock, log and channel. Today there is one, main.

CREATE SCHEMA IF NOT EXISTS closter;
GRANT USAGE ON SCHEMA closter
    TO closter_operator, closter_command, closter_projector, closter_query, closter_worker, closter_append, closter_search;

-- Made by the migrator; a service is ready only if the schema has its version.
GRANT SELECT ON closter.migrations TO closter_operator, closter_command, closter_projector, closter_query, closter_worker;

CREATE TABLE closter.shards (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,30}$'),
    -- Goes into every position token. A new one is drawn when the database is restored or fails over with loss,
    -- so that tokens of the lost history are refused instead of misread.
    epoch      bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO closter.shards (name) VALUES ('main');
GRANT SELECT ON closter.shards TO closter_operator, closter_command, closter_projector, closter_query, closter_worker;

CREATE TABLE closter.tenants (
    tenant_id  uuid PRIMARY KEY,
    slug       text NOT NULL CONSTRAINT tenants_slug UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    shard      text NOT NULL REFERENCES closter.shards,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE closter.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE closter.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON closter.tenants TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants_read ON closter.tenants FOR SELECT TO closter_operator, closter_projector USING (true);
GRANT SELECT, INSERT ON closter.tenants TO closter_append;
GRANT SELECT ON closter.tenants TO closter_operator, closter_projector;
GRANT SELECT ON closter.shards TO closter_append;

-- What command and query need across tenants goes through definer functions, each of which answers one question.

GRANT CREATE ON SCHEMA closter TO closter_append;
SET ROLE closter_append;

-- Where a tenant lives: no row where there is no such tenant.
CREATE FUNCTION closter.tenant_by_slug(wanted text)
RETURNS TABLE (tenant_id uuid, shard text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT t.tenant_id, t.shard FROM closter.tenants t WHERE t.slug = wanted $$;

-- Gives a slug its tenant, once: whoever asks again gets the tenant that has it.
CREATE FUNCTION closter.register_tenant(wanted text, proposed uuid, home text)
RETURNS TABLE (tenant_id uuid, shard text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO closter.tenants (tenant_id, slug, shard) VALUES (proposed, wanted, home)
    ON CONFLICT ON CONSTRAINT tenants_slug DO NOTHING;
    RETURN QUERY SELECT t.tenant_id, t.shard FROM closter.tenants t WHERE t.slug = wanted;
END;
$$;

REVOKE ALL ON FUNCTION closter.tenant_by_slug(text), closter.register_tenant(text, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION closter.tenant_by_slug(text) TO closter_command, closter_query, closter_operator;
GRANT EXECUTE ON FUNCTION closter.register_tenant(text, uuid, text) TO closter_command;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA closter FROM closter_append;
