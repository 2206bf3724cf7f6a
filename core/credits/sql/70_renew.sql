-- The cycle that a late charge goes to: its own until that is closed, then the open one. `next` is
-- the open cycle where the call's own is closing: what the call leaves free moves on there. The
-- balances of `wallets` in both are locked, in the one order of locks.
CREATE OR REPLACE FUNCTION {schema}.ledger_hold_late(
    cycle uuid, wallets uuid[], OUT target uuid, OUT next uuid
)
LANGUAGE plpgsql AS $ledger$
DECLARE
    was text;
    open_cycle uuid;
BEGIN
    LOOP
        SELECT own.state, o.id INTO STRICT was, open_cycle
        FROM {schema}.credits_cycle own
        JOIN {schema}.credits_cycle o ON o.book_id = own.book_id AND o.state = 'open'
        WHERE own.id = cycle;
        target := CASE WHEN was = 'closed' THEN open_cycle ELSE cycle END;
        next := CASE WHEN was = 'closing' THEN open_cycle END;
        PERFORM FROM {schema}.credits_balance b
        JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.wallet_id = ANY (wallets) AND b.cycle_id IN (target, open_cycle)
        ORDER BY w.depth DESC, w.id, b.cycle_id
        FOR UPDATE OF b;
        -- A renewal may have been first while we waited.
        EXIT WHEN EXISTS (SELECT FROM {schema}.credits_cycle own
            JOIN {schema}.credits_cycle o ON o.book_id = own.book_id AND o.state = 'open'
            WHERE own.id = cycle AND own.state = was AND o.id = open_cycle);
    END LOOP;
END
$ledger$;


-- Move what wallets have left in a cycle that ends on to `next`: as far as the cycle has room, it
-- rolls over and stays in its wallet, each in proportion where not all may; the rest expires. What
-- is short goes along as an adjustment. The caller has locked the balances in both cycles, and those
-- of overflow, so that of calls that end together only one looks at the room at a time.
CREATE OR REPLACE FUNCTION {schema}.ledger_carry(
    cycle uuid, next uuid, wallets uuid[], rests bigint[]
) RETURNS void
LANGUAGE plpgsql AS $ledger$
DECLARE
    ended {schema}.credits_cycle;
    rolling numeric;
    free numeric;
    ids uuid[];
    rolled bigint[];
    expired bigint[];
    short bigint[];
BEGIN
    SELECT COALESCE(sum(r) FILTER (WHERE r > 0), 0) INTO free FROM unnest(rests) r;
    SELECT c.* INTO STRICT ended FROM {schema}.credits_cycle c WHERE c.id = cycle;
    rolling := LEAST(free, ended.rollover_left);

    WITH parts AS (
        SELECT r.id, r.rest,
            CASE WHEN r.rest > 0 THEN div(r.rest * rolling, free) ELSE 0 END AS part,
            CASE WHEN r.rest > 0 THEN mod(r.rest * rolling, free) ELSE 0 END AS lost
        FROM unnest(wallets, rests) AS r (id, rest) WHERE r.rest <> 0
    ), placed AS (
        SELECT p.*, sum(p.part) OVER () AS sum_of_parts,
            row_number() OVER (ORDER BY p.lost DESC, p.id) AS place
        FROM parts p
    ), shared AS (
        SELECT p.id, p.rest,
            (p.part + CASE WHEN p.place <= rolling - p.sum_of_parts THEN 1 ELSE 0 END)::bigint AS part
        FROM placed p
    )
    SELECT array_agg(s.id ORDER BY s.id), array_agg(s.part ORDER BY s.id),
        array_agg(GREATEST(s.rest, 0) - s.part ORDER BY s.id),
        array_agg(GREATEST(-s.rest, 0) ORDER BY s.id)
    INTO ids, rolled, expired, short
    FROM shared s;
    IF ids IS NULL THEN
        RETURN;
    END IF;

    IF ended.rollover_left > 0 AND rolling > 0 THEN
        UPDATE {schema}.credits_cycle c SET rollover_left = c.rollover_left - rolling
        WHERE c.id = cycle;
    END IF;
    INSERT INTO {schema}.credits_transfer (
        id, act_id, book_id, cycle_id, from_wallet_id, to_wallet_id, amount, kind)
    SELECT {schema}.ledger_uuid7(), ended.ended_by_id, ended.book_id, m.cycle_id, m.source, m.destination,
        m.amount, m.kind
    FROM unnest(ids, rolled, expired, short) AS r (id, rolled, expired, short)
    CROSS JOIN LATERAL (VALUES
        (cycle, r.id, NULL::uuid, r.rolled, 'rollover'),
        (next, NULL, r.id, r.rolled, 'rollover'),
        (cycle, r.id, NULL, r.expired, 'expire'),
        (cycle, NULL, r.id, r.short, 'adjust'),
        (next, r.id, NULL, r.short, 'adjust')
    ) AS m (cycle_id, source, destination, amount, kind)
    WHERE m.amount > 0;

    UPDATE {schema}.credits_balance b SET
        credited = b.credited - r.rolled - r.expired + r.short,
        overrun = GREATEST(b.used + b.reserved
            - (b.credited - r.rolled - r.expired + r.short) - b.credit_limit, 0)
    FROM unnest(ids, rolled, expired, short) AS r (id, rolled, expired, short)
    WHERE b.wallet_id = r.id AND b.cycle_id = cycle;
    UPDATE {schema}.credits_balance b SET
        credited = b.credited + r.rolled - r.short,
        overrun = GREATEST(b.used + b.reserved
            - (b.credited + r.rolled - r.short) - b.credit_limit, 0)
    FROM unnest(ids, rolled, expired, short) AS r (id, rolled, expired, short)
    WHERE b.wallet_id = r.id AND b.cycle_id = next;
END
$ledger$;


-- Move on what a call of a closing cycle has left in the wallets of nodes. Unallocated, the pool
-- and overflow wait for the close, since the first two pay for overflow first.
CREATE OR REPLACE FUNCTION {schema}.ledger_carry_nodes(cycle uuid, next uuid, wallets uuid[])
RETURNS void
LANGUAGE plpgsql AS $ledger$
DECLARE
    ids uuid[];
    rests bigint[];
BEGIN
    SELECT array_agg(b.wallet_id), array_agg(b.credited - b.used - b.reserved) INTO ids, rests
    FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE b.cycle_id = cycle AND w.depth > 0 AND b.wallet_id = ANY (wallets);
    IF ids IS NOT NULL THEN
        PERFORM {schema}.ledger_carry(cycle, next, ids, rests);
    END IF;
END
$ledger$;


-- Take what is free out of a cycle that has just gone to closing, all at once. Of Unallocated and
-- the pool, as much stays as overflow may still have drawn in the end. Locks every balance.
CREATE OR REPLACE FUNCTION {schema}.ledger_wind_down(cycle uuid, next uuid) RETURNS void
LANGUAGE plpgsql AS $ledger$
DECLARE
    drawn bigint;
    ids uuid[];
    rests bigint[];
BEGIN
    PERFORM FROM {schema}.credits_balance b
    JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE b.cycle_id IN (cycle, next)
    ORDER BY w.depth DESC, w.id, b.cycle_id
    FOR UPDATE OF b;

    -- Nothing more is drawn on its line than what calls hold already.
    UPDATE {schema}.credits_balance b
    SET credit_limit = LEAST(b.credit_limit, GREATEST(b.used + b.reserved - b.credited, 0))
    FROM {schema}.credits_wallet w
    WHERE w.id = b.wallet_id AND w.kind = 'overflow' AND b.cycle_id = cycle;
    SELECT GREATEST(b.used + b.reserved - b.credited, 0) INTO STRICT drawn
    FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE w.kind = 'overflow' AND b.cycle_id = cycle;

    WITH rest AS (
        SELECT b.wallet_id, w.depth, w.kind, b.credited - b.used - b.reserved AS free
        FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.cycle_id = cycle AND w.kind <> 'overflow'
    ), kept AS (
        -- From Unallocated first.
        SELECT r.wallet_id, LEAST(GREATEST(r.free, 0), GREATEST(drawn - COALESCE(
            sum(GREATEST(r.free, 0)) OVER (ORDER BY r.kind DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0), 0)) AS amount
        FROM rest r WHERE r.depth = 0
    )
    SELECT array_agg(r.wallet_id), array_agg((r.free - COALESCE(k.amount, 0))::bigint)
    INTO ids, rests
    FROM rest r LEFT JOIN kept k USING (wallet_id);
    PERFORM {schema}.ledger_carry(cycle, next, ids, rests);
END
$ledger$;


-- Close a cycle that goes to its end, if its last call has ended: overflow is covered from what is
-- left in Unallocated and the pool, all that is left then moves on, and the rest of overflow is
-- frozen. True if it is closed now.
CREATE OR REPLACE FUNCTION {schema}.ledger_close(cycle uuid, statement uuid) RETURNS boolean
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    ended {schema}.credits_cycle;
    next uuid;
    touched uuid[];
    line record;
    cover bigint;
    source record;
    part bigint;
BEGIN
    IF EXISTS (SELECT FROM {schema}.credits_reservation r
        WHERE r.cycle_id = cycle AND r.state = 'open') THEN
        RETURN false;
    END IF;
    LOOP
        SELECT o.id INTO STRICT next FROM {schema}.credits_cycle own
        JOIN {schema}.credits_cycle o ON o.book_id = own.book_id AND o.state = 'open'
        WHERE own.id = cycle;
        -- Named first: as a condition of the join, all wallets would be compared with all balances.
        touched := ARRAY(
            SELECT l.wallet_id FROM {schema}.credits_balance l
            WHERE l.cycle_id = cycle AND l.credited <> l.used + l.reserved
            UNION
            SELECT w.id FROM {schema}.credits_cycle own
            JOIN {schema}.credits_wallet w ON w.book_id = own.book_id AND w.depth = 0
            WHERE own.id = cycle);
        PERFORM FROM {schema}.credits_balance b
        JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.wallet_id = ANY (touched) AND b.cycle_id IN (cycle, next)
        ORDER BY w.depth DESC, w.id, b.cycle_id
        FOR UPDATE OF b;
        SELECT c.* INTO STRICT ended FROM {schema}.credits_cycle c WHERE c.id = cycle
        FOR NO KEY UPDATE;
        EXIT WHEN EXISTS (
            SELECT FROM {schema}.credits_cycle c WHERE c.id = next AND c.state = 'open');
    END LOOP;
    IF ended.state <> 'closing' OR EXISTS (
        SELECT FROM {schema}.credits_reservation r
        WHERE r.cycle_id = cycle AND r.state = 'open') THEN
        RETURN false;
    END IF;

    SELECT b.wallet_id, b.used, b.credited INTO STRICT line
    FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE b.cycle_id = cycle AND w.kind = 'overflow';
    cover := GREATEST(line.used - line.credited, 0);
    FOR source IN
        SELECT b.wallet_id, b.credited - b.used - b.reserved AS free
        FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.cycle_id = cycle AND w.kind IN ('unallocated', 'pool')
        ORDER BY w.kind DESC
    LOOP
        part := LEAST(cover, source.free);
        CONTINUE WHEN part <= 0;
        cover := cover - part;
        UPDATE {schema}.credits_balance b SET credited = b.credited - part
        WHERE b.wallet_id = source.wallet_id AND b.cycle_id = cycle;
        UPDATE {schema}.credits_balance b SET
            credited = b.credited + part,
            overrun = GREATEST(b.used + b.reserved - b.credited - part - b.credit_limit, 0)
        WHERE b.wallet_id = line.wallet_id AND b.cycle_id = cycle;
        INSERT INTO {schema}.credits_transfer (
            id, act_id, book_id, cycle_id, from_wallet_id, to_wallet_id, amount, kind)
        VALUES ({schema}.ledger_uuid7(), ended.ended_by_id, ended.book_id, cycle, source.wallet_id,
            line.wallet_id, part, 'overflow_settled');
    END LOOP;

    -- Nodes too: a call that was just ending when the cycle went to closing left its rest there.
    PERFORM {schema}.ledger_carry(cycle, next, left_over.ids, left_over.rests)
    FROM (
        SELECT array_agg(b.wallet_id) AS ids,
            array_agg(b.credited - b.used - b.reserved) AS rests
        FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.cycle_id = cycle AND w.kind <> 'overflow'
            AND b.credited <> b.used + b.reserved
    ) left_over WHERE left_over.ids IS NOT NULL;

    INSERT INTO {schema}.credits_overflowstatement (
        id, book_id, cycle_id, used, covered, amount, credit_limit, state, reference, settled_at)
    SELECT statement, ended.book_id, cycle, b.used, b.credited, b.used - b.credited,
        COALESCE(ended.overflow_limit, b.credit_limit),
        CASE WHEN b.used = b.credited THEN 'settled' ELSE 'open' END, '',
        CASE WHEN b.used = b.credited THEN clock_timestamp() END
    FROM {schema}.credits_balance b
    WHERE b.wallet_id = line.wallet_id AND b.cycle_id = cycle;
    UPDATE {schema}.credits_cycle c SET state = 'closed', closed_at = clock_timestamp()
    WHERE c.id = cycle;
    RETURN true;
END
$ledger$;
