-- Rows of projections are packed by lz4 and stay in their table. Whole rows of 3.5 KB were one to a page: eight bytes of disk
-- and memory for three of answer, and no room in the page for a row's next version. lz4 unpacks an answer in a microsecond.
--
-- MAIN keeps a value in the row, packed, however small the target is; a row of more than 8 KB after that is moved away.
-- Rows that are there are rewritten by the next event that changes them, or by a rebuild. A server that was built without
-- lz4 keeps whole rows.

DO $$
DECLARE
    signature regprocedure;
    body      text;
    target    regclass;
    field     text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
    ) THEN
        RETURN;
    END IF;
    FOR signature IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'main'::regnamespace AND p.proname IN ('create_generation', 'begin_generation')
    LOOP
        body := replace(pg_get_functiondef(signature), 'toast_tuple_target = 8160',
                        'toast_tuple_target = 128');
        IF body NOT LIKE '%toast_tuple_target = 128)%' THEN
            RAISE EXCEPTION '% is not the one that this changes', signature;
        END IF;
        EXECUTE body;
    END LOOP;
    -- New generations are made like the templates.
    FOR target IN
        SELECT format('main.%I', t.name)::regclass
        FROM (SELECT g.table_name FROM main.generations g
              UNION SELECT DISTINCT g.projection || '_template' FROM main.generations g) AS t (name)
    LOOP
        FOR field IN
            SELECT a.attname FROM pg_attribute a
            WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage = 'x'
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE MAIN, ALTER COLUMN %I SET COMPRESSION lz4',
                           target, field, field);
        END LOOP;
        EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 128)', target);
    END LOOP;
END;
$$;
