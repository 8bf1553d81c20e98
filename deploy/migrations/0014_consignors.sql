-- Consignors, and the keys of persons.
--
-- What the log, the operational tables and everything made from them hold of a person is sealed with a key of that person.
-- The keys lie here, each wrapped by a master key that is no part of the database. Deleting a row is how a person is erased
-- from what is never rewritten.

CREATE TABLE main.aggregates_consignor PARTITION OF main.aggregates FOR VALUES IN ('consignor') WITH (fillfactor = 85);
ALTER TABLE main.aggregates_consignor ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.aggregates_consignor FORCE ROW LEVEL SECURITY;
CREATE INDEX aggregates_consignor_erased ON main.aggregates_consignor (tenant_id, stream_id)
    WHERE (state ->> 'status') = 'erased';
CREATE POLICY all_tenants ON main.aggregates_consignor FOR SELECT TO closter_append USING (true);
GRANT SELECT ON main.aggregates_consignor TO closter_append;

CREATE TABLE main.person_keys (
    tenant_id   uuid NOT NULL,
    person_id   uuid NOT NULL, -- a consignor; of scope upload, an import
    scope       text NOT NULL CONSTRAINT person_keys_scope CHECK (scope IN ('contact', 'tax', 'upload')),
    master      text NOT NULL, -- the name of the master key that wraps it
    wrapped     bytea NOT NULL, -- nonce, ciphertext and tag of AES-256-GCM
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    shred_after date, -- the last day of a statutory retention
    PRIMARY KEY (tenant_id, person_id, scope)
);
CREATE INDEX person_keys_due ON main.person_keys (shred_after) WHERE shred_after IS NOT NULL;
ALTER TABLE main.person_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.person_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY all_tenants ON main.person_keys TO closter_append USING (true) WITH CHECK (true);
CREATE POLICY all_tenants_read ON main.person_keys FOR SELECT TO closter_operator USING (true);
CREATE POLICY own_tenant ON main.person_keys FOR SELECT TO closter_command, closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
CREATE POLICY own_tenant_insert ON main.person_keys FOR INSERT TO closter_command
    WITH CHECK (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid);
GRANT SELECT, UPDATE, DELETE ON main.person_keys TO closter_append;
GRANT SELECT ON main.person_keys TO closter_command, closter_query, closter_operator;
GRANT INSERT (tenant_id, person_id, scope, master, wrapped) ON main.person_keys TO closter_command;

-- Query finds a consignor by its number, and no other claim.
CREATE POLICY consignor_numbers ON main.claims FOR SELECT TO closter_query
    USING (tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid AND kind = 'consignor_number');
GRANT SELECT (tenant_id, kind, value, stream_id) ON main.claims TO closter_query;

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

-- Shreds what the erased are to lose at once, and dates what they are to lose later. What is to go is derived from the
-- consignors' states, so that nobody loses a key who was not erased, and what breaks off is finished by whoever calls next.
--
-- persons: of the tenant that is set; null: all of all tenants. Returns how many keys were deleted.
CREATE FUNCTION main.shred_erased(persons uuid[] DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH erased AS (
        SELECT a.tenant_id, a.stream_id, (a.state -> 'erasure' ->> 'tax_kept_until')::date AS kept
        FROM main.aggregates_consignor a
        WHERE (a.state ->> 'status') = 'erased'
          AND (persons IS NULL
               OR a.tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid AND a.stream_id = ANY (persons))
    ), dated AS (
        UPDATE main.person_keys k SET shred_after = e.kept FROM erased e
        WHERE k.tenant_id = e.tenant_id AND k.person_id = e.stream_id AND k.scope = 'tax'
          AND e.kept IS NOT NULL AND k.shred_after IS DISTINCT FROM e.kept
    ), deleted AS (
        DELETE FROM main.person_keys k USING erased e
        WHERE k.tenant_id = e.tenant_id AND k.person_id = e.stream_id
          AND (k.scope = 'contact' OR k.scope = 'tax' AND e.kept IS NULL)
        RETURNING 1
    )
    SELECT count(*) FROM deleted
$$;

-- What housekeeping does for all tenants: erasures that broke off, retentions that are over, and keys a day old that no
-- consignor and no import speaks of. Returns how many keys were deleted.
--
-- today: where days end last; a retention is over on the day after its last.
CREATE FUNCTION main.shred_due(today date DEFAULT (clock_timestamp() AT TIME ZONE 'Etc/GMT+12')::date) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shredded bigint := main.shred_erased(NULL);
    more     bigint;
BEGIN
    DELETE FROM main.person_keys k WHERE k.shred_after < today;
    GET DIAGNOSTICS more = ROW_COUNT;
    shredded := shredded + more;
    DELETE FROM main.person_keys k
    WHERE k.created_at < clock_timestamp() - interval '1 day' AND k.shred_after IS NULL
      AND NOT EXISTS (
          SELECT FROM main.aggregates a
          WHERE a.tenant_id = k.tenant_id AND a.stream_id = k.person_id
            AND (k.scope <> 'upload' AND a.category = 'consignor'
                 OR k.scope = 'upload' AND a.category = 'import' AND (a.state ->> 'status') IN ('queued', 'running')));
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN shredded + more;
END;
$$;

-- Files whose import is over, should its service have died before it dropped them, and those whose upload broke off: no
-- import speaks of them. Both are a day old.
CREATE OR REPLACE FUNCTION main.sweep_import_chunks() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM main.import_chunks c
    WHERE c.stored_at < clock_timestamp() - interval '1 day'
      AND NOT EXISTS (
          SELECT FROM main.aggregates a
          WHERE a.tenant_id = c.tenant_id AND a.category = 'import' AND a.stream_id = c.import_id
            AND (a.state ->> 'status') IN ('queued', 'running'))
$$;

-- The key of a file goes with the file.
CREATE FUNCTION main.drop_upload_key(import uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM main.person_keys k
    WHERE k.tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid
      AND k.person_id = import AND k.scope = 'upload'
$$;

-- Puts keys under another master key. One that was shredded, or wrapped anew, since it was read stays as it is.
CREATE FUNCTION main.rewrap_person_keys(
    tenants uuid[], persons uuid[], scopes text[], olds bytea[], news bytea[], new_master text
) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH rewrapped AS (
        UPDATE main.person_keys k SET master = new_master, wrapped = n.new
        FROM unnest(tenants, persons, scopes, olds, news) AS n (tenant, person, scope, old, new)
        WHERE k.tenant_id = n.tenant AND k.person_id = n.person AND k.scope = n.scope AND k.wrapped = n.old
        RETURNING 1
    )
    SELECT count(*) FROM rewrapped
$$;

REVOKE ALL ON FUNCTION main.shred_erased(uuid[]), main.shred_due(date), main.drop_upload_key(uuid),
    main.rewrap_person_keys(uuid[], uuid[], text[], bytea[], bytea[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.shred_erased(uuid[]), main.shred_due(date), main.drop_upload_key(uuid) TO closter_command;
GRANT EXECUTE ON FUNCTION main.rewrap_person_keys(uuid[], uuid[], text[], bytea[], bytea[], text) TO closter_operator;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
