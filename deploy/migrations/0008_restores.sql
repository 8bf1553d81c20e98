-- After a restore: which there have been, and tasks that are held until somebody has looked at them.

-- A database that was restored, or has failed over with loss, goes on with another history than the one that was seen.
CREATE TABLE closter.restores (
    restore_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard       text NOT NULL REFERENCES closter.shards,
    epoch       bigint NOT NULL, -- drawn for it
    head        bigint NOT NULL, -- of the log then: whoever has seen a position after it has seen what is no more
    tasks_held  bigint NOT NULL,
    declared_by text NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON closter.restores TO closter_operator;
GRANT SELECT, INSERT ON closter.restores TO closter_append;
GRANT UPDATE (epoch) ON closter.shards TO closter_append;

-- A held task is open, and nobody performs it: whether it has happened already, somebody must find out.
ALTER TABLE main.outbox
    ADD COLUMN held_at     timestamptz,
    ADD COLUMN held_reason text,
    -- What was done about the last hold. A settled task is completed and was not performed.
    ADD COLUMN decision    text CHECK (decision IN ('released', 'settled')),
    ADD COLUMN decided_by  text,
    ADD COLUMN decided_at  timestamptz,
    ADD CONSTRAINT outbox_held CHECK (held_at IS NULL OR (held_reason IS NOT NULL AND completed_at IS NULL)),
    ADD CONSTRAINT outbox_decided CHECK (decision IS NULL OR (decided_by IS NOT NULL AND decided_at IS NOT NULL));
DROP INDEX main.outbox_ready;
CREATE INDEX outbox_ready ON main.outbox (run_at, task_id) WHERE completed_at IS NULL AND held_at IS NULL;
CREATE INDEX outbox_held ON main.outbox (position, task_id) WHERE held_at IS NOT NULL;
GRANT UPDATE (held_at, held_reason, decision, decided_by, decided_at, completed_at) ON main.outbox TO closter_append;

-- A backup may be older than the partitions that were made ahead.
GRANT EXECUTE ON FUNCTION main.rotate_outcomes(int, int) TO closter_append;

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;

-- Says that the shard's database was restored: draws a new epoch, and holds every open task that is due, because it may
-- have been performed after the moment that was restored. A task that is not due yet cannot have been.
-- Doing so again draws again, and holds what is not held yet.
CREATE FUNCTION main.declare_restored(requester text)
RETURNS TABLE (new_epoch bigint, log_head bigint, held bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
AS $$
BEGIN
    -- Nothing is appended meanwhile, and nobody else declares.
    PERFORM pg_advisory_xact_lock(hashtextextended('closter.append.main', 0));
    -- At random: two restores from one backup must not meet at the same number.
    new_epoch := (random() * 9007199254740991)::bigint;
    UPDATE closter.shards s SET epoch = new_epoch WHERE s.name = 'main';
    SELECT coalesce(max(e.position), 0) INTO log_head FROM main.events e;
    UPDATE main.outbox o
    SET held_at = clock_timestamp(),
        held_reason = format('the database was restored to position %s: it may have been performed already', log_head)
    WHERE o.completed_at IS NULL AND o.held_at IS NULL AND o.run_at <= clock_timestamp();
    GET DIAGNOSTICS held = ROW_COUNT;
    -- Before anything is appended: a day that has begun in the default partition gets none of its own any more.
    PERFORM main.rotate_outcomes();
    INSERT INTO closter.restores (shard, epoch, head, tasks_held, declared_by)
    VALUES ('main', new_epoch, log_head, held, requester);
    RETURN NEXT;
END;
$$;

-- Ends the hold of tasks: `released`, they are performed; `settled`, they are not, because they have happened or must
-- not happen any more. Returns those of them that were held.
CREATE FUNCTION main.decide_tasks(tasks uuid[], verdict text, requester text) RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
AS $$
    UPDATE main.outbox o
    SET held_at = NULL, decision = verdict, decided_by = requester, decided_at = clock_timestamp(),
        completed_at = CASE verdict WHEN 'settled' THEN clock_timestamp() END
    WHERE o.task_id = ANY (tasks) AND o.held_at IS NOT NULL
    RETURNING o.task_id
$$;

REVOKE ALL ON FUNCTION main.declare_restored(text), main.decide_tasks(uuid[], text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION main.declare_restored(text), main.decide_tasks(uuid[], text, text) TO closter_operator;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
