-- Who pays for a call of a wallet, in order, and why. The one definition of product.md's
-- decision 7: reservations walk it, and the effective view shows it.
--
--   own       the wallet has a rule, so it has an allocation of its own
--   leftover  it has none, but credits may lie in it; they go first
--   inherits  the nearest ancestor with a rule; the pool for those who hang under `global`
--   spill     what the account's switches add above the one that pays
--   overflow  the credit line, when all else is empty
--
-- No SET clause and no STRICT here: only so does the planner fold the query into the caller's.
-- Dropped first, since what it returns cannot be changed in place.
DROP FUNCTION IF EXISTS {schema}.ledger_payers();
CREATE FUNCTION {schema}.ledger_payers()
RETURNS TABLE (
    acting_id uuid, place int, wallet_id uuid, kind text, via text, book_id uuid, time_zone text)
LANGUAGE sql STABLE AS $ledger$
    SELECT w0.id, payer.place, payer.wallet_id, payer.kind, payer.via, book.id, book.time_zone
    FROM {schema}.credits_wallet w0
    JOIN {schema}.credits_book book ON book.id = w0.book_id
    LEFT JOIN {schema}.credits_wallet w1 ON w1.id = w0.parent_id
    LEFT JOIN {schema}.credits_wallet w2 ON w2.id = w1.parent_id
    LEFT JOIN {schema}.credits_allocationrule r0 ON r0.wallet_id = w0.id
    LEFT JOIN {schema}.credits_allocationrule r1 ON r1.wallet_id = w1.id
    LEFT JOIN {schema}.credits_allocationrule r2 ON r2.wallet_id = w2.id
    JOIN {schema}.credits_wallet pool ON pool.book_id = book.id AND pool.kind = 'pool'
    JOIN {schema}.credits_wallet line ON line.book_id = book.id AND line.kind = 'overflow'
    CROSS JOIN LATERAL (VALUES
        (1, w0.id, w0.kind,
            CASE WHEN r0.wallet_id IS NULL THEN 'leftover' ELSE 'own' END),
        (2, w1.id, w1.kind,
            CASE
                WHEN r0.wallet_id IS NULL AND r1.wallet_id IS NOT NULL THEN 'inherits'
                WHEN r0.wallet_id IS NULL THEN NULL
                WHEN w1.kind = 'team' AND book.spill_team THEN 'spill'
                WHEN w1.kind = 'organization' AND book.spill_organization THEN 'spill'
            END),
        (3, w2.id, w2.kind,
            CASE
                WHEN w2.id IS NULL THEN NULL
                WHEN r0.wallet_id IS NOT NULL OR r1.wallet_id IS NOT NULL THEN
                    CASE WHEN book.spill_organization THEN 'spill' END
                WHEN r2.wallet_id IS NOT NULL THEN 'inherits'
            END),
        (4, pool.id, pool.kind,
            CASE
                WHEN w0.kind = 'membership' AND w0.parent_id IS NULL
                    AND r0.wallet_id IS NULL THEN 'inherits'
                WHEN book.spill_pool THEN 'spill'
            END),
        (5, line.id, line.kind, 'overflow')
    ) AS payer (place, wallet_id, kind, via)
    WHERE w0.depth > 0 AND payer.via IS NOT NULL
$ledger$;
