-- End what nobody ended. An expired hold that was never dispatched is freed; one that was is
-- charged its estimate plus what heartbeats reported, and marked unsettled; a released one that
-- nobody came back for is forgotten. Rows that somebody else is ending are left to them.
CREATE OR REPLACE FUNCTION {schema}.ledger_sweep(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    held {schema}.credits_reservation;
    expired {schema}.credits_reservation[];
    charge bigint;
    charged int := 0;
    freed int := 0;
    forgotten int := 0;
BEGIN
    expired := ARRAY(
        SELECT r FROM {schema}.credits_reservation r
        WHERE r.expires_at <= clock_timestamp()
        ORDER BY r.expires_at
        LIMIT (request->>'limit')::int
        FOR UPDATE SKIP LOCKED);

    -- Several calls at once: all their balances and counters first, in the one order of locks.
    PERFORM FROM {schema}.credits_balance b
    JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE (b.wallet_id, b.cycle_id) IN (
        SELECT p.wallet_id, c.id
        FROM unnest(expired) h
        CROSS JOIN unnest(h.payers) AS p (wallet_id)
        -- The open cycle too: what is left in one that has ended moves on there.
        CROSS JOIN LATERAL (
            SELECT h.cycle_id
            UNION
            SELECT o.id FROM {schema}.credits_cycle o
            WHERE o.book_id = h.book_id AND o.state = 'open'
        ) AS c (id)
        WHERE h.state = 'open')
    ORDER BY w.depth DESC, w.id, b.cycle_id
    FOR UPDATE OF b;
    PERFORM FROM {schema}.credits_capcounter k
    WHERE (k.cap_id, k.window_start) IN (
        SELECT (c->>'cap')::uuid, (c->>'starts_at')::timestamptz
        FROM unnest(expired) h, jsonb_array_elements(h.caps) c WHERE h.state = 'open')
    ORDER BY k.cap_id, k.window_start
    FOR UPDATE;

    FOREACH held IN ARRAY expired LOOP
        IF held.state = 'released' THEN
            DELETE FROM {schema}.credits_reservation r WHERE r.request_id = held.request_id;
            forgotten := forgotten + 1;
        ELSIF held.dispatched_at IS NULL THEN
            PERFORM {schema}.ledger_free(held);
            freed := freed + 1;
        ELSE
            charge := held.estimate + held.reported;
            PERFORM {schema}.ledger_charge(
                held, '{"outcome": "timeout", "is_estimated": true}',
                round(charge / (held.factor * 1000000), 12), charge, true);
            charged := charged + 1;
        END IF;
    END LOOP;
    RETURN jsonb_build_object('charged', charged, 'freed', freed, 'forgotten', forgotten);
END
$ledger$;


-- A time-ordered id, for events that the ledger itself writes. Postgres has its own from 18 on.
CREATE OR REPLACE FUNCTION {schema}.ledger_uuid7() RETURNS uuid
LANGUAGE sql VOLATILE AS $ledger$
    SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$ledger$;
