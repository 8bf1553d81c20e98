-- Intakes and stock-takes; numbers that are given once; the fold of items tells four facts more.

SELECT main.add_category('intake');
SELECT main.add_category('stocktake');
SELECT main.add_record_projection('intakes', ARRAY['location_id', 'consignor_id']);
SELECT main.add_record_projection('stocktakes', ARRAY['location_id']);

-- The next number of each of a tenant's sequences. Reserved in blocks, each in a transaction of its own: what is not used
-- is a gap, and nothing that is appended waits here.
CREATE TABLE main.sequences (
    tenant_id uuid NOT NULL,
    name      text NOT NULL,
    next      bigint NOT NULL CHECK (next > 0),
    PRIMARY KEY (tenant_id, name)
);

ALTER TABLE main.sequences ENABLE ROW LEVEL SECURITY;
ALTER TABLE main.sequences FORCE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON main.sequences TO closter_append USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON main.sequences TO closter_append;
CREATE POLICY operator_read ON main.sequences FOR SELECT TO closter_operator USING (true);
GRANT SELECT ON main.sequences TO closter_operator;

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

-- Reserves `count` numbers of a sequence of the tenant that is set, and returns the first of them.
CREATE FUNCTION main.reserve_sequence(tenant uuid, wanted text, count bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first bigint;
BEGIN
    IF tenant IS DISTINCT FROM NULLIF(current_setting('closter.tenant', true), '')::uuid THEN
        RAISE EXCEPTION 'numbers are reserved for the tenant that is set' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF count NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'from 1 to 10000 numbers are reserved at once' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO main.sequences AS s (tenant_id, name, next) VALUES (tenant, wanted, 1 + count)
    ON CONFLICT (tenant_id, name) DO UPDATE SET next = s.next + count
    RETURNING next - count INTO first;
    RETURN first;
END;
$$;
REVOKE ALL ON FUNCTION main.reserve_sequence(uuid, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.reserve_sequence(uuid, text, bigint) TO closter_command;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;

-- Documents of items show custody, location, title, allocation and consignor. A generation that has taken nothing in
-- is of any fold; one that has is filled anew (closter rebuild items).
UPDATE main.generations g SET fold_version = 2
WHERE g.projection = 'items' AND g.fold_version = 1
  AND NOT EXISTS (SELECT FROM main.checkpoints c WHERE c.projection = g.projection AND c.generation = g.generation);
