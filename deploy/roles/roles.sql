-- The roles of the platform. Applied before the migrations, by an administrator who may create roles;
-- running it again changes nothing. What each role may do with a table stands beside that table.
-- Login roles get their passwords from whoever operates the server; none is set here.

DO $$
DECLARE
    role record;
BEGIN
    FOR role IN
        SELECT * FROM (VALUES
            ('closter_owner',     false), -- owns schemas and tables; runs migrations; sees no tenant's rows
            ('closter_append',    false), -- owns append and the other definer functions over the log; owns no table
            ('closter_search',    false), -- owns the search functions
            ('closter_operator',  true),  -- the closter tool: reads everything
            ('closter_command',   true),  -- executes append, reads what it decides from
            ('closter_projector', true),  -- tails events, writes projections
            ('closter_query',     true),  -- reads projections and operational tables of the tenant that is set
            ('closter_worker',    true)   -- claims and completes tasks
        ) AS wanted (name, login)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role.name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOINHERIT', role.name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- somebody else was just making it
            END;
        END IF;
        IF (SELECT rolcanlogin FROM pg_roles WHERE rolname = role.name) IS DISTINCT FROM role.login THEN
            EXECUTE format('ALTER ROLE %I %s', role.name, CASE WHEN role.login THEN 'LOGIN' ELSE 'NOLOGIN' END);
        END IF;
        IF NOT pg_has_role(current_user, role.name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role.name);
        END IF;
    END LOOP;

    -- The owner hands functions over to these two, which takes membership.
    IF NOT pg_has_role('closter_owner', 'closter_append', 'MEMBER') THEN
        GRANT closter_append TO closter_owner;
    END IF;
    IF NOT pg_has_role('closter_owner', 'closter_search', 'MEMBER') THEN
        GRANT closter_search TO closter_owner;
    END IF;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO closter_owner', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO closter_operator, closter_command, closter_projector, closter_query, closter_worker',
        current_database());
END;
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- No role may hold a lock or a transaction open for long: what append needs must never wait for the forgetful.
DO $$
DECLARE
    setting record;
BEGIN
    FOR setting IN
        SELECT * FROM (VALUES
            ('closter_command',   'lock_timeout', '5s'),
            ('closter_projector', 'lock_timeout', '5s'),
            ('closter_query',     'lock_timeout', '2s'),
            ('closter_worker',    'lock_timeout', '5s'),
            ('closter_operator',  'lock_timeout', '5s'),
            ('closter_command',   'idle_in_transaction_session_timeout', '15s'),
            ('closter_projector', 'idle_in_transaction_session_timeout', '60s'),
            ('closter_query',     'idle_in_transaction_session_timeout', '15s'),
            ('closter_worker',    'idle_in_transaction_session_timeout', '15s')
        ) AS wanted (role, name, value)
    LOOP
        -- Settings belong to the whole server: what is set already is left alone.
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
            WHERE s.setdatabase = 0 AND r.rolname = setting.role
              AND setting.name || '=' || setting.value = ANY (s.setconfig));
        EXECUTE format('ALTER ROLE %I SET %I = %L', setting.role, setting.name, setting.value);
    END LOOP;
END;
$$;
