-- Every row that breaks an invariant of docs/ledger.md; none, one hopes. One statement sees one
-- state of the database, so the answer is exact while calls go on.
CREATE OR REPLACE FUNCTION {schema}.ledger_verify()
RETURNS TABLE (invariant text, subject text, detail text)
LANGUAGE sql STABLE AS $ledger$
    WITH held AS (
        SELECT (s->>'wallet')::uuid AS wallet_id, r.cycle_id, sum((s->>'amount')::bigint) AS amount
        FROM {schema}.credits_reservation r, jsonb_array_elements(r.sources) s
        WHERE r.state = 'open' GROUP BY 1, 2
    ), counted AS (
        SELECT (c->>'cap')::uuid AS cap_id, (c->>'starts_at')::timestamptz AS window_start,
            sum(r.amount) AS amount
        FROM {schema}.credits_reservation r, jsonb_array_elements(r.caps) c
        WHERE r.state = 'open' GROUP BY 1, 2
    ), capped AS (
        SELECT (c->>'cap')::uuid AS cap_id, (c->>'starts_at')::timestamptz AS window_start,
            sum(e.credits) AS amount
        FROM {schema}.credits_usageevent e, jsonb_array_elements(e.caps) c GROUP BY 1, 2
    ), spent AS (
        SELECT (c->>'wallet')::uuid AS wallet_id, e.cycle_id, sum((c->>'amount')::bigint) AS amount
        FROM {schema}.credits_usageevent e, jsonb_array_elements(e.charges) c GROUP BY 1, 2
    ), moved AS (
        SELECT ends.wallet_id, ends.cycle_id, sum(ends.amount) AS amount
        FROM (
            SELECT t.to_wallet_id, t.cycle_id, t.amount FROM {schema}.credits_transfer t
            UNION ALL
            SELECT t.from_wallet_id, t.cycle_id, -t.amount FROM {schema}.credits_transfer t
        ) AS ends (wallet_id, cycle_id, amount)
        WHERE ends.wallet_id IS NOT NULL GROUP BY 1, 2
    )
    SELECT 'I1 not overspent', b.wallet_id::text,
        format('credited %s, limit %s, used %s, reserved %s, overrun %s',
            b.credited, b.credit_limit, b.used, b.reserved, b.overrun)
    FROM {schema}.credits_balance b
    WHERE b.reserved < 0
        OR b.overrun <> GREATEST(b.used + b.reserved - b.credited - b.credit_limit, 0)

    UNION ALL
    SELECT 'I1 only overflow is a credit line', b.wallet_id::text, format('%s', b.credit_limit)
    FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE w.kind <> 'overflow' AND b.credit_limit <> 0

    UNION ALL
    SELECT 'I2 reserved = open reservations', COALESCE(b.wallet_id, h.wallet_id)::text,
        format('reserved %s, open reservations %s', b.reserved, h.amount)
    FROM {schema}.credits_balance b
    FULL JOIN held h ON h.wallet_id = b.wallet_id AND h.cycle_id = b.cycle_id
    WHERE COALESCE(b.reserved, 0) <> COALESCE(h.amount, 0)

    UNION ALL
    SELECT 'I2 a reservation = its sources', r.request_id::text,
        format('amount %s, sources %s', r.amount, r.sources)
    FROM {schema}.credits_reservation r
    WHERE r.amount <> (SELECT COALESCE(sum((s->>'amount')::bigint), 0)
        FROM jsonb_array_elements(r.sources) s)

    UNION ALL
    SELECT 'I2 a cap''s reserved = open reservations', k.cap_id::text,
        format('reserved %s, open reservations %s', k.reserved, h.amount)
    FROM {schema}.credits_capcounter k
    LEFT JOIN counted h ON h.cap_id = k.cap_id AND h.window_start = k.window_start
    WHERE k.reserved <> COALESCE(h.amount, 0)

    UNION ALL
    SELECT 'I3 used = charges', COALESCE(b.wallet_id, s.wallet_id)::text,
        format('used %s, charges %s', b.used, s.amount)
    FROM {schema}.credits_balance b
    FULL JOIN spent s ON s.wallet_id = b.wallet_id AND s.cycle_id = b.cycle_id
    WHERE COALESCE(b.used, 0) <> COALESCE(s.amount, 0)

    UNION ALL
    SELECT 'I3 an event''s credits = its charges', e.id::text,
        format('credits %s, charges %s', e.credits, e.charges)
    FROM {schema}.credits_usageevent e
    WHERE e.credits <> (SELECT COALESCE(sum((c->>'amount')::bigint), 0)
        FROM jsonb_array_elements(e.charges) c)

    UNION ALL
    SELECT 'I3 no more is refunded than was charged', r.refund_of::text,
        format('left %s', sum(e.credits))
    FROM (
        SELECT DISTINCT e.refund_of FROM {schema}.credits_usageevent e
        WHERE e.refund_of IS NOT NULL
    ) r
    JOIN {schema}.credits_usageevent e
        ON e.id = r.refund_of OR e.corrects = r.refund_of OR e.refund_of = r.refund_of
    GROUP BY r.refund_of HAVING sum(e.credits) < 0

    UNION ALL
    SELECT 'I3 a cap''s used = what was counted', k.cap_id::text,
        format('used %s, counted %s', k.used, s.amount)
    FROM {schema}.credits_capcounter k
    LEFT JOIN capped s ON s.cap_id = k.cap_id AND s.window_start = k.window_start
    WHERE k.used <> COALESCE(s.amount, 0)

    UNION ALL
    -- Free, held and used of a wallet are what was credited to it; I1 to I3 hold those three. What
    -- comes in is granted or carried in; what goes out is taken back, expires, is carried out, or
    -- pays for overflow.
    SELECT 'I4 what came in is there', c.id::text,
        format('came in %s, is there %s', came.amount, there.amount)
    FROM {schema}.credits_cycle c
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(CASE
            WHEN t.from_wallet_id IS NULL AND d.kind <> 'overflow' THEN t.amount
            WHEN f.kind <> 'overflow' AND (d.id IS NULL OR d.kind = 'overflow') THEN -t.amount
            ELSE 0
        END), 0) AS amount
        FROM {schema}.credits_transfer t
        LEFT JOIN {schema}.credits_wallet f ON f.id = t.from_wallet_id
        LEFT JOIN {schema}.credits_wallet d ON d.id = t.to_wallet_id
        WHERE t.cycle_id = c.id
    ) came
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(b.credited), 0) AS amount
        FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.cycle_id = c.id AND w.kind <> 'overflow'
    ) there
    WHERE came.amount <> there.amount

    UNION ALL
    -- All that is carried over hangs on the act that ended its cycle.
    SELECT 'I4 carried out = carried in', t.act_id::text,
        format('%s of %s: out less in is %s', t.kind, wallet.id, sum(t.amount
            * CASE WHEN t.to_wallet_id IS NULL THEN 1 ELSE -1 END))
    FROM {schema}.credits_transfer t
    CROSS JOIN LATERAL (SELECT COALESCE(t.to_wallet_id, t.from_wallet_id) AS id) wallet
    WHERE t.kind IN ('rollover', 'adjust')
        AND (t.to_wallet_id IS NULL OR t.from_wallet_id IS NULL)
    GROUP BY t.act_id, t.kind, wallet.id
    HAVING sum(t.amount * CASE WHEN t.to_wallet_id IS NULL THEN 1 ELSE -1 END) <> 0

    UNION ALL
    SELECT 'I4 nothing is left in a closed cycle', b.wallet_id::text,
        format('credited %s, used %s, reserved %s', b.credited, b.used, b.reserved)
    FROM {schema}.credits_balance b
    JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    JOIN {schema}.credits_cycle c ON c.id = b.cycle_id
    WHERE c.state = 'closed'
        AND (b.reserved <> 0 OR w.kind <> 'overflow' AND b.credited <> b.used)

    UNION ALL
    SELECT 'I5 open or final, not both', r.request_id::text, r.state
    FROM {schema}.credits_reservation r
    JOIN {schema}.credits_usageevent e ON e.id = r.request_id

    UNION ALL
    SELECT 'I5 one final event', e.id::text, format('corrects %s', e.corrects)
    FROM {schema}.credits_usageevent e
    LEFT JOIN {schema}.credits_usageevent guess ON guess.id = e.corrects
    WHERE e.corrects IS NOT NULL AND guess.is_unsettled IS NOT TRUE

    UNION ALL
    -- As the act made them, in the cycle in which it did: later acts may override single shares.
    SELECT 'I6 an equal split sums exactly', s.id::text,
        format('total %s, shares %s, from %s to %s', s.total, parts.total, parts.least, parts.most)
    FROM {schema}.credits_split s
    CROSS JOIN LATERAL (
        SELECT sum((c.after->>'share')::bigint) AS total,
            min((c.after->>'share')::bigint) FILTER (WHERE NOT p.is_pinned) AS least,
            max((c.after->>'share')::bigint) FILTER (WHERE NOT p.is_pinned) AS most
        FROM {schema}.credits_rulechange c
        CROSS JOIN LATERAL (
            SELECT c.after->>'mode' = 'fixed' AND (c.after->>'pinned')::boolean AS is_pinned) p
        WHERE c.act_id = s.act_id AND c.after->>'split' = s.id::text
    ) parts
    WHERE parts.most - parts.least > 1
        OR (parts.least IS NOT NULL AND parts.total <> s.total)

    UNION ALL
    SELECT 'I7 one open cycle', b.id::text, format('%s open', count(c.id))
    FROM {schema}.credits_book b
    LEFT JOIN {schema}.credits_cycle c ON c.book_id = b.id AND c.state = 'open'
    GROUP BY b.id HAVING count(c.id) <> 1

    UNION ALL
    SELECT 'I7 cycles follow each other', c.id::text,
        format('number %s begins %s after one that ends %s', c.number, c.starts_at, p.ends_at)
    FROM {schema}.credits_cycle c
    LEFT JOIN {schema}.credits_cycle p ON p.book_id = c.book_id AND p.number = c.number - 1
    WHERE c.number > 1 AND (p.ends_at IS DISTINCT FROM c.starts_at OR p.state = 'open')

    UNION ALL
    SELECT 'I7 one statement for each closed cycle', c.id::text,
        format('%s, statement %s', c.state, s.id)
    FROM {schema}.credits_cycle c
    LEFT JOIN {schema}.credits_overflowstatement s ON s.cycle_id = c.id
    WHERE (c.state = 'closed') <> (s.id IS NOT NULL) OR s.book_id <> c.book_id

    UNION ALL
    SELECT 'I7 a statement = overflow used, less what covered it', s.id::text,
        format('used %s, covered %s, amount %s', s.used, s.covered, s.amount)
    FROM {schema}.credits_overflowstatement s
    JOIN {schema}.credits_balance b ON b.cycle_id = s.cycle_id
    JOIN {schema}.credits_wallet w ON w.id = b.wallet_id AND w.kind = 'overflow'
    WHERE s.used <> b.used OR s.covered <> b.credited OR s.amount <> b.used - b.credited

    UNION ALL
    SELECT 'I7 every wallet is in the open cycle', w.id::text, w.kind
    FROM {schema}.credits_wallet w
    JOIN {schema}.credits_cycle c ON c.book_id = w.book_id AND c.state = 'open'
    WHERE NOT EXISTS (
        SELECT FROM {schema}.credits_balance b WHERE b.wallet_id = w.id AND b.cycle_id = c.id)

    UNION ALL
    -- A minute or two is a sweep's delay; five are a fault.
    SELECT 'I9 nothing outlives the sweep', r.request_id::text, format('expired %s', r.expires_at)
    FROM {schema}.credits_reservation r
    WHERE r.state = 'open' AND r.expires_at < clock_timestamp() - interval '5 minutes'

    UNION ALL
    SELECT 'I10 unallocated is not spent', b.wallet_id::text,
        format('used %s, reserved %s', b.used, b.reserved)
    FROM {schema}.credits_balance b JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    WHERE w.kind = 'unallocated' AND (b.used <> 0 OR b.reserved <> 0)

    UNION ALL
    SELECT 'I11 a transfer stays in its book', t.id::text, t.kind
    FROM {schema}.credits_transfer t
    JOIN {schema}.credits_cycle c ON c.id = t.cycle_id
    JOIN {schema}.credits_act a ON a.id = t.act_id
    LEFT JOIN {schema}.credits_wallet f ON f.id = t.from_wallet_id
    LEFT JOIN {schema}.credits_wallet d ON d.id = t.to_wallet_id
    WHERE t.book_id <> c.book_id OR t.book_id <> a.book_id
        OR t.book_id <> f.book_id OR t.book_id <> d.book_id

    UNION ALL
    SELECT 'I11 a balance stays in its book', b.wallet_id::text, format('in cycle %s', b.cycle_id)
    FROM {schema}.credits_balance b
    JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
    JOIN {schema}.credits_cycle c ON c.id = b.cycle_id
    WHERE w.book_id <> c.book_id

    UNION ALL
    SELECT 'I11 a charge stays in its book', e.id::text, format('charged %s', c->>'wallet')
    FROM {schema}.credits_usageevent e
    CROSS JOIN jsonb_array_elements(e.charges) c
    LEFT JOIN {schema}.credits_wallet w ON w.id = (c->>'wallet')::uuid
    WHERE w.book_id IS DISTINCT FROM e.book_id

    UNION ALL
    SELECT 'I13 credited = transfers', COALESCE(b.wallet_id, m.wallet_id)::text,
        format('credited %s, transfers %s', b.credited, m.amount)
    FROM {schema}.credits_balance b
    FULL JOIN moved m ON m.wallet_id = b.wallet_id AND m.cycle_id = b.cycle_id
    WHERE COALESCE(b.credited, 0) <> COALESCE(m.amount, 0)

    UNION ALL
    -- Calls draw on the pool first, and everybody locks by id.
    SELECT 'Locks: the pool before overflow', pool.book_id::text, line.id::text
    FROM {schema}.credits_wallet pool
    JOIN {schema}.credits_wallet line ON line.book_id = pool.book_id AND line.kind = 'overflow'
    WHERE pool.kind = 'pool' AND line.id < pool.id
$ledger$;
