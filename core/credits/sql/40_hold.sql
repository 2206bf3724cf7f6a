-- Say that the upstream is about to be called. From here on, the call costs something even if
-- nobody lives to settle it.
CREATE OR REPLACE FUNCTION {schema}.ledger_dispatch(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
BEGIN
    UPDATE {schema}.credits_reservation r
    SET dispatched_at = COALESCE(r.dispatched_at, clock_timestamp())
    WHERE r.request_id = (request->>'request_id')::uuid AND r.state = 'open';
    RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'dispatched' ELSE 'gone' END);
END
$ledger$;


-- Keep a long call's hold, and say what it has cost so far (in all, not since the last time).
CREATE OR REPLACE FUNCTION {schema}.ledger_heartbeat(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
BEGIN
    UPDATE {schema}.credits_reservation r SET
        expires_at = GREATEST(r.expires_at, clock_timestamp()
            + make_interval(secs => (request->>'ttl_seconds')::float8)),
        reported = GREATEST(r.reported, (request->>'reported_microcredits')::bigint)
    WHERE r.request_id = (request->>'request_id')::uuid AND r.state = 'open';
    RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'extended' ELSE 'gone' END);
END
$ledger$;


-- Free a hold without a charge. The row stays for a week: a settlement that comes after all is
-- charged, and marked late. The caller has locked it.
CREATE OR REPLACE FUNCTION {schema}.ledger_free(held {schema}.credits_reservation) RETURNS void
LANGUAGE plpgsql AS $ledger$
DECLARE
    next uuid;
BEGIN
    IF EXISTS (SELECT FROM {schema}.credits_cycle c
        WHERE c.id = held.cycle_id AND c.state <> 'open') THEN
        SELECT late.next INTO next
        FROM {schema}.ledger_hold_late(held.cycle_id, held.payers) late;
    END IF;
    PERFORM {schema}.ledger_pay(
        held.cycle_id, held.sources, held.payers, held.main_wallet_id, 0);
    IF next IS NOT NULL THEN
        PERFORM {schema}.ledger_carry_nodes(held.cycle_id, next, held.payers);
    END IF;
    IF held.caps <> '[]' THEN
        PERFORM {schema}.ledger_count(held.caps, held.amount, 0);
    END IF;
    UPDATE {schema}.credits_reservation r
    SET state = 'released', expires_at = clock_timestamp() + interval '7 days'
    WHERE r.request_id = held.request_id;
END
$ledger$;


-- Give a reservation back: the provider failed before it cost anything, or nothing was called.
-- Who says which owner gives it back leaves another one's alone.
CREATE OR REPLACE FUNCTION {schema}.ledger_release(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    held {schema}.credits_reservation;
BEGIN
    SELECT r.* INTO held FROM {schema}.credits_reservation r
    WHERE r.request_id = (request->>'request_id')::uuid
    FOR UPDATE;
    IF request->>'owner' <> held.context->>'owner' THEN
        RETURN jsonb_build_object('outcome', 'duplicate');
    ELSIF FOUND AND held.state = 'open' THEN
        PERFORM {schema}.ledger_free(held);
        RETURN jsonb_build_object('outcome', 'released');
    ELSIF FOUND THEN
        RETURN jsonb_build_object('outcome', 'duplicate');
    END IF;
    RETURN jsonb_build_object('outcome', CASE WHEN EXISTS (
        SELECT FROM {schema}.credits_usageevent e
        WHERE e.id = (request->>'request_id')::uuid) THEN 'ended' ELSE 'unknown' END);
END
$ledger$;
