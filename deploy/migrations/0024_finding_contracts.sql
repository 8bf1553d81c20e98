-- Contracts are found by their consignor where a consignor is to be erased, and by the ids of their items.

-- Whoever has a contract that is not over is not erased: contracts claim their consignors. Those that there are claim them
-- here, spelt as the command service spells it (Contract.claimPrefix).
SET ROLE closter_append;
INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
SELECT a.tenant_id, 'consignor_contract', (a.state ->> 'consignor_id') || '/' || a.stream_id, a.category, a.stream_id,
       a.position
FROM main.aggregates a
WHERE a.category = 'contract' AND a.state ->> 'status' IN ('draft', 'signed', 'active', 'expired');
SET ROLE closter_owner;

-- The words of a contract have its items' ids. A generation that has taken something in is filled anew (closter rebuild
-- contracts).
UPDATE main.generations g SET fold_version = 2
WHERE g.projection = 'contracts' AND g.fold_version = 1
  AND NOT EXISTS (SELECT FROM main.checkpoints c WHERE c.projection = g.projection AND c.generation = g.generation);
