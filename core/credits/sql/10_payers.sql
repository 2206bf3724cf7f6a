-- Who pays for a call of a wallet, in order, and why. The one definition of product.md's
-- decision 7: reservations walk it, and the effective view shows it.
--
--   own       the wallet has a rule, so it has an allocation of its own
--   leftover  it has none, but credits may lie in it; they go first
--   inherits  the nearest ancestor with a rule; the pool for those who hang under `global`
--   spill     what the account's switches add above the one that pays
--   overflow  the credit line, when all else is empty
--
-- `ledger_paths` says it in lists, one row for each acting wallet; `ledger_payers` in rows.
--
-- No SET clause and no STRICT here: only so does the planner fold the queries into the caller's.
-- Dropped first, since what they return cannot be changed in place.
DROP FUNCTION IF EXISTS {schema}.ledger_payers();
DROP FUNCTION IF EXISTS {schema}.ledger_paths();
CREATE FUNCTION {schema}.ledger_paths()
RETURNS TABLE (
    acting_id uuid, payers uuid[], kinds text[], vias text[], book_id uuid, time_zone text)
LANGUAGE sql STABLE AS $ledger$
    SELECT w0.id,
        array_remove(ARRAY[
            w0.id, CASE WHEN v.via_1 IS NOT NULL THEN w1.id END,
            CASE WHEN v.via_2 IS NOT NULL THEN w2.id END,
            CASE WHEN v.via_pool IS NOT NULL THEN pool.id END, line.id], NULL),
        array_remove(ARRAY[
            w0.kind, CASE WHEN v.via_1 IS NOT NULL THEN w1.kind END,
            CASE WHEN v.via_2 IS NOT NULL THEN w2.kind END,
            CASE WHEN v.via_pool IS NOT NULL THEN pool.kind END, line.kind]::text[], NULL),
        array_remove(ARRAY[
            CASE WHEN r0.wallet_id IS NULL THEN 'leftover' ELSE 'own' END,
            v.via_1, v.via_2, v.via_pool, 'overflow'], NULL),
        book.id, book.time_zone
    FROM {schema}.credits_wallet w0
    JOIN {schema}.credits_book book ON book.id = w0.book_id
    LEFT JOIN {schema}.credits_wallet w1 ON w1.id = w0.parent_id
    LEFT JOIN {schema}.credits_wallet w2 ON w2.id = w1.parent_id
    LEFT JOIN {schema}.credits_allocationrule r0 ON r0.wallet_id = w0.id
    LEFT JOIN {schema}.credits_allocationrule r1 ON r1.wallet_id = w1.id
    LEFT JOIN {schema}.credits_allocationrule r2 ON r2.wallet_id = w2.id
    JOIN {schema}.credits_wallet pool
        ON pool.book_id = book.id AND pool.kind = 'pool' AND pool.depth = 0
    JOIN {schema}.credits_wallet line
        ON line.book_id = book.id AND line.kind = 'overflow' AND line.depth = 0
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN r0.wallet_id IS NULL AND r1.wallet_id IS NOT NULL THEN 'inherits'
                WHEN r0.wallet_id IS NULL THEN NULL
                WHEN w1.kind = 'team' AND book.spill_team THEN 'spill'
                WHEN w1.kind = 'organization' AND book.spill_organization THEN 'spill'
            END AS via_1,
            CASE
                WHEN w2.id IS NULL THEN NULL
                WHEN r0.wallet_id IS NOT NULL OR r1.wallet_id IS NOT NULL THEN
                    CASE WHEN book.spill_organization THEN 'spill' END
                WHEN r2.wallet_id IS NOT NULL THEN 'inherits'
            END AS via_2,
            CASE
                WHEN w0.kind = 'membership' AND w0.parent_id IS NULL
                    AND r0.wallet_id IS NULL THEN 'inherits'
                WHEN book.spill_pool THEN 'spill'
            END AS via_pool
        -- Worked out once, not wherever it is named.
        OFFSET 0
    ) v
    WHERE w0.depth > 0
$ledger$;


CREATE FUNCTION {schema}.ledger_payers()
RETURNS TABLE (
    acting_id uuid, place bigint, wallet_id uuid, kind text, via text, book_id uuid,
    time_zone text)
LANGUAGE sql STABLE AS $ledger$
    SELECT s.acting_id, p.place, p.wallet_id, p.kind, p.via, s.book_id, s.time_zone
    FROM {schema}.ledger_paths() s
    CROSS JOIN LATERAL unnest(s.payers, s.kinds, s.vias)
        WITH ORDINALITY AS p (wallet_id, kind, via, place)
$ledger$;
