-- Lists of items are filtered by their facts: columns for them, and indexes where a fact tells few items from many.
--
-- Every generation gets the columns, because a rebuild compares a new one with the one before. Their values come with the
-- fold, and so do the indexes: a generation that has taken something in is filled anew (closter rebuild items).

DO $$
DECLARE
    name     text;
    is_empty boolean;
BEGIN
    FOR name, is_empty IN
        SELECT g.table_name, NOT EXISTS (
            SELECT FROM main.checkpoints c WHERE c.projection = g.projection AND c.generation = g.generation)
        FROM main.generations g WHERE g.projection = 'items'
        UNION ALL SELECT 'items_template', true
    LOOP
        EXECUTE format(
            'ALTER TABLE main.%I
                 ADD COLUMN custody      text,
                 ADD COLUMN location_id  uuid,
                 ADD COLUMN title_holder text,
                 ADD COLUMN allocation   text,
                 ADD COLUMN consignor_id uuid', name);
        CONTINUE WHEN NOT is_empty;
        -- The store's own items, and those at no named location, cost nothing here.
        EXECUTE format('CREATE INDEX ON main.%I (tenant_id, location_id, created_at DESC, id DESC)
                            WHERE location_id IS NOT NULL', name);
        EXECUTE format('CREATE INDEX ON main.%I (tenant_id, consignor_id, created_at DESC, id DESC)
                            WHERE consignor_id IS NOT NULL', name);
    END LOOP;
END;
$$;

UPDATE main.generations g SET fold_version = 3
WHERE g.projection = 'items' AND g.fold_version = 2
  AND NOT EXISTS (SELECT FROM main.checkpoints c WHERE c.projection = g.projection AND c.generation = g.generation);
