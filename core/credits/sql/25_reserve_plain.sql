-- Hold the upper bound of a call's price, in one round trip. Nearly all calls are plain: new, let in,
-- in a book without caps, and the first wallet that has anything has enough. Those take two statements here;
-- all others are `ledger_reserve_any`'s. Each statement costs more than what it does, so that this
-- takes half the time.
CREATE OR REPLACE FUNCTION {schema}.ledger_reserve(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    held record;
BEGIN
    UPDATE {schema}.credits_balance b SET reserved = b.reserved + call.amount
    FROM (
        SELECT (request->>'amount')::bigint AS amount, p.payers, p.kinds, p.vias, p.book_id,
            c.id AS cycle_id, policy.version,
            -- A wallet without a rule may have something left, which goes first.
            CASE WHEN p.vias[1] = 'leftover' AND NOT EXISTS (
                SELECT FROM {schema}.credits_balance l
                WHERE l.wallet_id = p.acting_id AND l.cycle_id = c.id
                    AND l.credited + l.credit_limit - l.used - l.reserved > 0
            ) THEN 2 ELSE 1 END AS place
        FROM {schema}.ledger_paths() p
        JOIN {schema}.credits_cycle c ON c.book_id = p.book_id AND c.state = 'open'
        JOIN {schema}.tenancy_policystate policy ON policy.id = 1 AND NOT policy.is_suspended
        WHERE p.acting_id = (request->>'wallet_id')::uuid
            AND ((request->>'policy_version')::bigint < policy.version) IS NOT TRUE
            AND NOT EXISTS (SELECT FROM {schema}.credits_cap k WHERE k.book_id = p.book_id)
        OFFSET 0
    ) call
    WHERE b.wallet_id = call.payers[call.place] AND b.cycle_id = call.cycle_id
        AND call.amount > 0
        AND b.credited + b.credit_limit - b.used - b.reserved >= call.amount
    RETURNING b.wallet_id, call.*, clock_timestamp() AS moment,
        CASE WHEN call.vias[1] = 'leftover' THEN 2 ELSE 1 END AS main,
        jsonb_build_array(jsonb_build_object('wallet', b.wallet_id,
            'kind', call.kinds[call.place], 'amount', call.amount)) AS sources
    INTO held;
    IF NOT FOUND THEN
        RETURN {schema}.ledger_reserve_any(request);
    END IF;

    INSERT INTO {schema}.credits_reservation (
        request_id, book_id, cycle_id, wallet_id, main_wallet_id, payers, sources, caps, amount,
        estimate, reported, factor, factor_version, price_version, policy_version, fingerprint,
        context, state, created_at, expires_at, dispatched_at)
    VALUES (
        (request->>'request_id')::uuid, held.book_id, held.cycle_id,
        (request->>'wallet_id')::uuid, held.payers[held.main], held.payers, held.sources, '[]',
        held.amount, (request->>'estimate_microcredits')::bigint, 0,
        (request->>'factor')::numeric, (request->>'factor_version')::int,
        request->>'price_version', (request->>'policy_version')::bigint,
        request->>'fingerprint', request->'context', 'open', held.moment,
        held.moment + make_interval(secs => (request->>'ttl_seconds')::float8),
        CASE WHEN (request->>'dispatch')::boolean THEN held.moment END)
    ON CONFLICT DO NOTHING;
    -- A call that came before has a row, or an event; by now, perhaps, only an event. And a renewal
    -- may have opened the next cycle while we waited for the balance.
    IF NOT FOUND THEN
        UPDATE {schema}.credits_balance b SET reserved = b.reserved - held.amount
        WHERE b.wallet_id = held.wallet_id AND b.cycle_id = held.cycle_id;
        RETURN {schema}.ledger_reserve_any(request);
    ELSIF NOT EXISTS (
        SELECT FROM {schema}.credits_cycle c WHERE c.id = held.cycle_id AND c.state = 'open'
            AND NOT EXISTS (
                SELECT FROM {schema}.credits_usageevent e
                WHERE e.id = (request->>'request_id')::uuid))
    THEN
        DELETE FROM {schema}.credits_reservation r
        WHERE r.request_id = (request->>'request_id')::uuid;
        UPDATE {schema}.credits_balance b SET reserved = b.reserved - held.amount
        WHERE b.wallet_id = held.wallet_id AND b.cycle_id = held.cycle_id;
        RETURN {schema}.ledger_reserve_any(request);
    END IF;

    RETURN jsonb_build_object('outcome', 'reserved', 'amount', held.amount,
        'sources', held.sources,
        'wallet_id', CASE WHEN held.vias[held.main] IN ('own', 'inherits')
            THEN held.payers[held.main] ELSE (request->>'wallet_id')::uuid END,
        'wallet_kind', CASE WHEN held.vias[held.main] IN ('own', 'inherits')
            THEN held.kinds[held.main] END,
        'asked', held.amount, 'state', 'open', 'policy_version', held.version);
END
$ledger$;
