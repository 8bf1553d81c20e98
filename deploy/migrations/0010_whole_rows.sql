-- Rows of projections lie whole in their table. A row carries its answers and its memory and is larger than the 2 KB from
-- which PostgreSQL compresses values and moves them away: every read then fetched its document from a second table, by an
-- index, and unpacked it, and every write packed three. A row of up to 8 KB now stays as it is. Rows that are there are
-- rewritten by the next event that changes them, or by a rebuild.

DO $$
DECLARE
    signature regprocedure;
    body      text;
    name      text;
BEGIN
    FOR signature IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'main'::regnamespace AND p.proname IN ('create_generation', 'begin_generation')
    LOOP
        body := replace(pg_get_functiondef(signature),
                        'WITH (fillfactor = 85)', 'WITH (fillfactor = 85, toast_tuple_target = 8160)');
        IF body NOT LIKE '%toast_tuple_target = 8160)%' THEN
            RAISE EXCEPTION '% is not the one that this changes', signature;
        END IF;
        EXECUTE body;
    END LOOP;
    FOR name IN SELECT g.table_name FROM main.generations g LOOP
        EXECUTE format('ALTER TABLE main.%I SET (toast_tuple_target = 8160)', name);
    END LOOP;
END;
$$;
