-- History as it may be read: the log of the tenant that is set, without what is not for its readers' eyes.
-- Owned by a role that sees the log, so that query needs no right on the log itself.

GRANT CREATE ON SCHEMA main TO closter_append;
SET ROLE closter_append;
CREATE VIEW main.history WITH (security_barrier) AS
SELECT e.position, e.tenant_id, e.category, e.stream_id, e.version, e.type, e.schema_version,
       e.correlation_id, e.command_id,
       (e.metadata ->> 'causation_id')::uuid AS causation_id,
       e.metadata ->> 'actor' AS actor,
       e.metadata ->> 'on_behalf_of' AS on_behalf_of,
       e.metadata ->> 'traceparent' AS traceparent,
       (e.metadata ->> 'requested_at')::timestamptz AS requested_at,
       CASE WHEN e.type = 'KeyCreated' THEN e.data - 'hash' ELSE e.data END AS data,
       e.recorded_at
FROM main.events e
WHERE e.tenant_id = NULLIF(current_setting('closter.tenant', true), '')::uuid;
GRANT SELECT ON main.history TO closter_query;
SET ROLE closter_owner;
REVOKE CREATE ON SCHEMA main FROM closter_append;
