-- Which photos a tenant has. Their bytes lie in a store beside the database (doc/adr/0032): they are put there before the
-- row is, and taken away after it, so that a row is always of bytes that are there.

CREATE TABLE main.photos (
    tenant_id uuid NOT NULL,
    name      text NOT NULL CONSTRAINT photos_name CHECK (name ~ '^[0-9a-f]{64}\.(jpg|png|webp)$'), -- SHA-256 and type
    width     integer NOT NULL CHECK (width > 0), -- as it is seen, in pixels
    height    integer NOT NULL CHECK (height > 0),
    bytes     bigint NOT NULL CHECK (bytes > 0),
    added_by  text NOT NULL, -- who uploaded it first, as events name an actor
    added_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, name)
);

ALTER TABLE main.photos ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.photos FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON main.photos TO closter_command
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant_read ON main.photos FOR SELECT TO closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY all_tenants_read ON main.photos FOR SELECT TO closter_operator USING (true);
GRANT SELECT, DELETE ON main.photos TO closter_command;
GRANT INSERT (tenant_id, name, width, height, bytes, added_by) ON main.photos TO closter_command;
GRANT SELECT ON main.photos TO closter_operator;
GRANT SELECT (tenant_id, name, width, bytes) ON main.photos TO closter_query;
