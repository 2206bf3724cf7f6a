-- Many steps of one account in one transaction: the ends of calls (`settlements`, `releases`,
-- `dispatches`) first, then `calls` (reserve), admitted greedily in the order they came. The answer
-- is in lists, since most calls get the same one; `core.credits.batching` reads it.
--
-- No answer says: nothing was done about this one, take it alone. It is for what is rare and
-- needs more locks or more care: an end that was not found, is another's, comes late, costs more than
-- was held or belongs to a cycle that is closing; a call that came before, or that runs into a wallet which
-- nobody expected it to need. All that has one implementation, the single functions'.
--
-- Locks go in the one order of every path: reservations by id, balances by depth and wallet (one
-- cycle each), counters by cap and window.
CREATE OR REPLACE FUNCTION {schema}.ledger_batch(request jsonb) RETURNS json
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    -- Lists begin as null where they only grow: each start value costs every flush.
    calls CONSTANT jsonb := request->'calls';
    call_count CONSTANT int := COALESCE(jsonb_array_length(calls), 0);
    refusals json[] := array_fill(NULL::json, ARRAY[call_count]);
    policy_version bigint;
    is_suspended boolean;
    cap record;
    moment timestamptz;
    -- The places of the ends that are taken here, among their like.
    settled int[];
    released int[];
    dispatched int[];
    -- What is settled and then what is released, alike in each list.
    charged bigint[];
    charges jsonb[];
    held bigint[];
    held_sources jsonb[];
    held_cycles uuid[];
    held_caps jsonb[];
    -- Who pays alone; none where several do, and for what is released.
    held_by uuid[];
    -- What they free and pay, for each wallet.
    freed_ids uuid[] := '{}';
    freed_cycles uuid[] := '{}';
    freed bigint[];
    paid bigint[];
    -- The calls; those without a branch are not taken here.
    request_ids uuid[];
    callers uuid[];
    known uuid[];
    asked bigint[];
    minimums bigint[];
    versions bigint[];
    branches int[] := array_fill(NULL::int, ARRAY[call_count]);
    -- A branch for each acting wallet. Its payers are `firsts` to `lasts` of the lists below it.
    found record;
    books uuid[];
    cycles uuid[];
    starts timestamptz[];
    zones text[];
    acting uuid[];
    mains uuid[];
    named_kinds text[];
    named uuid[];
    firsts int[];
    lasts int[];
    payers uuid[];
    kinds text[];
    needed uuid[];
    needed_cycles uuid[];
    -- Where a payer's balance stands in the list of locked ones; null if it is not among them.
    spots int[];
    -- Balances, locked and in the order of locks, and by how much they change.
    wallets uuid[];
    wallet_cycles uuid[];
    free bigint[];
    used_more bigint[];
    reserved_more bigint[];
    -- Counters, likewise.
    cap_ids uuid[];
    cap_starts timestamptz[];
    cap_subjects text[];
    cap_books uuid[];
    rooms bigint[];
    counted_more bigint[];
    held_more bigint[];
    -- What came of each call.
    granted bigint[] := array_fill(NULL::bigint, ARRAY[call_count]);
    sources jsonb[] := array_fill(NULL::jsonb, ARRAY[call_count]);
    counters jsonb[] := array_fill(NULL::jsonb, ARRAY[call_count]);
    admitted int := 0;
    branch int;
    payer int;
    place int;
    spot int;
    taken bigint;
    free_in_all bigint;
    part bigint;
    room bigint;
    amount bigint;
    strictest text;
    is_plain boolean;
    is_sure boolean;
    subjects jsonb;
    lies_in jsonb;
    part_payers int[];
    part_caps int[];
    changed int;
BEGIN
    -- Reservations first, in their order. Where some are only marked or given back, lock all ends
    -- before; settlements alone are locked as they are taken out.
    IF request ? 'releases' OR request ? 'dispatches' THEN
        PERFORM FROM {schema}.credits_reservation r
        WHERE r.request_id IN (
            SELECT (e->>'request_id')::uuid
            FROM jsonb_path_query(request, '$.*[*]') AS e WHERE NOT e ? 'wallet_id')
        ORDER BY r.request_id
        FOR UPDATE;
    END IF;
    IF request ? 'settlements' THEN
        SELECT s.places, s.charged, s.charges, s.held, s.sources, s.cycles, s.caps, s.payers
        INTO settled, charged, charges, held, held_sources, held_cycles, held_caps, held_by
        FROM {schema}.ledger_settle_all(request->'settlements') s;
    END IF;
    IF request ? 'releases' THEN
        WITH given AS (
            UPDATE {schema}.credits_reservation r
            SET state = 'released', expires_at = clock_timestamp() + interval '7 days'
            FROM ROWS FROM (jsonb_to_recordset(request->'releases') AS (
                request_id uuid, owner text)) WITH ORDINALITY AS e
            WHERE r.request_id = e.request_id AND r.state = 'open'
                AND (e.owner = r.context->>'owner') IS NOT FALSE
                AND r.cycle_id = ANY (ARRAY(
                    SELECT c.id FROM {schema}.credits_cycle c WHERE c.state = 'open'))
            RETURNING e.ordinality::int AS place, r.amount, r.sources, r.cycle_id, r.caps
        )
        SELECT array_agg(g.place), charged || array_agg(0::bigint), charges || array_agg('[]'::jsonb),
            held || array_agg(g.amount), held_sources || array_agg(g.sources),
            held_cycles || array_agg(g.cycle_id), held_caps || array_agg(g.caps)
        INTO released, charged, charges, held, held_sources, held_cycles, held_caps
        FROM given g;
    END IF;
    IF request ? 'dispatches' THEN
        WITH marked AS (
            UPDATE {schema}.credits_reservation r
            SET dispatched_at = COALESCE(r.dispatched_at, clock_timestamp())
            FROM ROWS FROM (jsonb_to_recordset(request->'dispatches') AS (request_id uuid))
                WITH ORDINALITY AS e
            WHERE r.request_id = e.request_id AND r.state = 'open'
            RETURNING e.ordinality::int AS place
        )
        SELECT array_agg(m.place) INTO dispatched FROM marked m;
    END IF;

    IF held IS NOT NULL AND released IS NULL AND array_position(held_by, NULL) IS NULL THEN
        SELECT array_agg(w.wallet), array_agg(w.cycle_id), array_agg(w.freed), array_agg(w.paid)
        INTO freed_ids, freed_cycles, freed, paid
        FROM (
            SELECT h.wallet, h.cycle_id, sum(h.held)::bigint AS freed, sum(h.charged)::bigint AS paid
            FROM unnest(held_by, held_cycles, held, charged) AS h (wallet, cycle_id, held, charged)
            GROUP BY 1, 2
        ) w;
    ELSIF held IS NOT NULL THEN
        SELECT COALESCE(array_agg(w.wallet), '{}'), COALESCE(array_agg(w.cycle_id), '{}'),
            array_agg(w.freed), array_agg(w.paid)
        INTO freed_ids, freed_cycles, freed, paid
        FROM (
            SELECT (p.part->>'wallet')::uuid AS wallet, h.cycle_id,
                sum(CASE WHEN p.is_freed THEN (p.part->>'amount')::bigint ELSE 0 END)::bigint
                    AS freed,
                sum(CASE WHEN p.is_freed THEN 0 ELSE (p.part->>'amount')::bigint END)::bigint
                    AS paid
            FROM unnest(held_sources, charges, held_cycles) AS h (sources, charges, cycle_id)
            CROSS JOIN LATERAL (
                SELECT s.part, true AS is_freed FROM jsonb_array_elements(h.sources) AS s (part)
                UNION ALL
                SELECT c.part, false FROM jsonb_array_elements(h.charges) AS c (part)
            ) p
            GROUP BY 1, 2
        ) w;
    END IF;

    IF call_count > 0 THEN
        SELECT p.version, p.is_suspended INTO STRICT policy_version, is_suspended
        FROM {schema}.tenancy_policystate p WHERE p.id = 1;
        -- A function's rows come in the order of what it reads.
        SELECT array_agg(c.request_id), array_agg(c.wallet_id), array_agg(c.amount),
            array_agg(c.minimum), array_agg(c.policy_version)
        INTO request_ids, callers, asked, minimums, versions
        FROM jsonb_to_recordset(calls) AS c (
            request_id uuid, wallet_id uuid, amount bigint, minimum bigint, policy_version bigint);
        known := ARRAY(
            SELECT r.request_id FROM {schema}.credits_reservation r
            WHERE r.request_id = ANY (request_ids)
            UNION ALL
            SELECT e.id FROM {schema}.credits_usageevent e WHERE e.id = ANY (request_ids));
        FOR found IN
            SELECT a.wallet, a.total, p.*,
                ARRAY(
                    SELECT b.credited + b.credit_limit - b.used - b.reserved
                    FROM unnest(p.payers) WITH ORDINALITY AS u (wallet, place)
                    LEFT JOIN {schema}.credits_balance b
                        ON b.wallet_id = u.wallet AND b.cycle_id = p.cycle_id
                    ORDER BY u.place) AS free
            FROM (
                SELECT u.wallet, sum(u.amount) AS total
                FROM unnest(callers, asked) AS u (wallet, amount) GROUP BY 1
            ) a
            -- OFFSET 0: by index for each of them, not for all wallets at once.
            CROSS JOIN LATERAL (
                SELECT p.book_id, p.time_zone, p.payers, p.kinds, p.vias, c.id AS cycle_id,
                    c.starts_at
                FROM {schema}.ledger_paths() p
                JOIN {schema}.credits_cycle c ON c.book_id = p.book_id AND c.state = 'open'
                WHERE p.acting_id = a.wallet
                OFFSET 0
            ) p
        LOOP
            acting := acting || found.wallet;
            books := books || found.book_id;
            zones := zones || found.time_zone;
            cycles := cycles || found.cycle_id;
            starts := starts || found.starts_at;
            firsts := firsts || COALESCE(cardinality(payers), 0) + 1;
            payers := payers || found.payers;
            kinds := kinds || found.kinds;
            lasts := lasts || cardinality(payers);
            -- The first with an allocation: who inherits may have a leftover before it.
            payer := CASE WHEN found.vias[1] = 'leftover' THEN 2 ELSE 1 END;
            mains := mains || found.payers[payer];
            named := named || CASE WHEN found.vias[payer] IN ('own', 'inherits')
                THEN found.payers[payer] END;
            named_kinds := named_kinds || CASE WHEN found.vias[payer] IN ('own', 'inherits')
                THEN found.kinds[payer] END;
            -- Unless somebody else moves, they need the balances along the order of payers until
            -- there is what all calls of the wallet take together.
            FOR place IN 1 .. cardinality(found.payers) LOOP
                EXIT WHEN found.total <= 0;
                needed := needed || found.payers[place];
                needed_cycles := needed_cycles || found.cycle_id;
                found.total := found.total - GREATEST(found.free[place], 0);
            END LOOP;
        END LOOP;
    END IF;

    SELECT COALESCE(array_agg(l.wallet_id), '{}'), COALESCE(array_agg(l.cycle_id), '{}'),
        COALESCE(array_agg(l.free), '{}'), array_fill(0::bigint, ARRAY[count(*)::int]),
        array_fill(0::bigint, ARRAY[count(*)::int])
    INTO wallets, wallet_cycles, free, used_more, reserved_more
    FROM (
        SELECT b.wallet_id, b.cycle_id, b.credited + b.credit_limit - b.used - b.reserved AS free
        FROM (
            SELECT * FROM unnest(freed_ids, freed_cycles)
            UNION SELECT * FROM unnest(needed, needed_cycles)
        ) AS n (wallet_id, cycle_id)
        JOIN {schema}.credits_balance b ON b.wallet_id = n.wallet_id AND b.cycle_id = n.cycle_id
        JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        ORDER BY w.depth DESC, w.id
        FOR UPDATE OF b
    ) l;
    -- A renewal may have opened the next cycle while we waited for a lock. One by one, they see.
    IF EXISTS (
        SELECT FROM {schema}.credits_cycle c
        WHERE c.id = ANY (wallet_cycles || cycles) AND c.state <> 'open')
    THEN
        RAISE EXCEPTION 'the cycle has ended meanwhile';
    END IF;
    FOR n IN 1 .. cardinality(freed_ids) LOOP
        spot := array_position(wallets, freed_ids[n]);
        free[spot] := free[spot] + freed[n] - paid[n];
        reserved_more[spot] := -freed[n];
        used_more[spot] := paid[n];
    END LOOP;
    spots := ARRAY(
        SELECT array_position(wallets, p.wallet)
        FROM unnest(payers) WITH ORDINALITY AS p (wallet, nth) ORDER BY p.nth);

    moment := clock_timestamp();
    IF EXISTS (SELECT FROM {schema}.credits_cap) THEN
        FOR cap IN
            SELECT c.id, c.subject, c.book_id, c.amount, n.starts_at, sum(n.charged)::bigint AS charged,
                sum(n.freed)::bigint AS freed, bool_or(n.is_current) AS is_current
            FROM (
                SELECT (k.counter->>'cap')::uuid AS cap, (k.counter->>'starts_at')::timestamptz
                    AS starts_at, u.charge AS charged, u.amount AS freed, false AS is_current
                FROM unnest(charged, held, held_caps) AS u (charge, amount, caps)
                CROSS JOIN jsonb_array_elements(u.caps) AS k (counter)
                WHERE u.caps <> '[]'
                UNION ALL
                SELECT c.id, CASE c."window"
                        WHEN 'cycle' THEN b.starts_at
                        ELSE date_trunc(c."window", moment AT TIME ZONE b.zone) AT TIME ZONE b.zone
                    END, 0, 0, true
                FROM (
                    SELECT DISTINCT s.subject::uuid AS subject
                    FROM jsonb_array_elements(calls) AS a (call)
                    CROSS JOIN jsonb_array_elements_text(a.call->'cap_subjects') AS s (subject)
                ) s
                CROSS JOIN (SELECT DISTINCT * FROM unnest(books, starts, zones)) AS b (id, starts_at, zone)
                JOIN {schema}.credits_cap c ON c.book_id = b.id AND c.subject = s.subject
            ) n
            JOIN {schema}.credits_cap c ON c.id = n.cap
            GROUP BY 1, 2, 3, 4, 5
            ORDER BY c.id, n.starts_at
        LOOP
            INSERT INTO {schema}.credits_capcounter (cap_id, window_start, used, reserved)
            VALUES (cap.id, cap.starts_at, 0, 0) ON CONFLICT DO NOTHING;
            SELECT k.used + k.reserved INTO STRICT part FROM {schema}.credits_capcounter k
            WHERE k.cap_id = cap.id AND k.window_start = cap.starts_at
            FOR UPDATE;
            cap_ids := cap_ids || cap.id;
            cap_starts := cap_starts || cap.starts_at;
            -- One that has passed its window counts for nobody who comes now.
            cap_subjects := cap_subjects || CASE WHEN cap.is_current THEN cap.subject::text END;
            cap_books := cap_books || cap.book_id;
            rooms := rooms || cap.amount - part - cap.charged + cap.freed;
            counted_more := counted_more || cap.charged;
            held_more := held_more || -cap.freed;
        END LOOP;
    END IF;

    is_plain := cap_ids IS NULL AND NOT is_suspended;
    FOR n IN 1 .. call_count LOOP
        branch := array_position(acting, callers[n]);
        CONTINUE WHEN branch IS NULL OR request_ids[n] = ANY (known);
        branches[n] := branch;
        -- The usual case by a short way: the first that has anything has enough.
        payer := firsts[branch];
        spot := spots[payer];
        WHILE free[spot] <= 0 AND payer < lasts[branch] LOOP
            payer := payer + 1;
            spot := spots[payer];
        END LOOP;
        IF is_plain AND free[spot] >= asked[n] AND asked[n] > 0
            AND (versions[n] < policy_version) IS NOT TRUE
        THEN
            admitted := admitted + 1;
            granted[n] := asked[n];
            free[spot] := free[spot] - asked[n];
            reserved_more[spot] := reserved_more[spot] + asked[n];
            sources[n] := jsonb_build_array(jsonb_build_object(
                'wallet', wallets[spot], 'kind', kinds[payer], 'amount', asked[n]));
            counters[n] := '[]';
            CONTINUE;
        END IF;
        IF is_suspended OR versions[n] < policy_version THEN
            refusals[n] := json_build_object(
                'outcome', CASE WHEN is_suspended THEN 'suspended' ELSE 'stale' END,
                'policy_version', policy_version);
            CONTINUE;
        END IF;

        taken := 0;
        free_in_all := 0;
        part_payers := '{}';
        is_sure := true;
        FOR payer IN firsts[branch] .. lasts[branch] LOOP
            EXIT WHEN taken >= asked[n];
            spot := spots[payer];
            is_sure := spot IS NOT NULL;
            EXIT WHEN NOT is_sure;
            CONTINUE WHEN free[spot] <= 0;
            free_in_all := free_in_all + free[spot];
            taken := LEAST(taken + free[spot], asked[n]);
            part_payers := part_payers || payer;
        END LOOP;
        CONTINUE WHEN NOT is_sure;

        room := NULL;
        strictest := NULL;
        part_caps := '{}';
        IF cap_ids IS NOT NULL THEN
            subjects := calls->(n - 1)->'cap_subjects';
            FOR place IN 1 .. cardinality(cap_ids) LOOP
                CONTINUE WHEN cap_books[place] <> books[branch] OR cap_subjects[place] IS NULL
                    OR NOT subjects ? cap_subjects[place];
                part_caps := part_caps || place;
                IF room IS NULL OR rooms[place] < room THEN
                    room := rooms[place];
                    strictest := cap_subjects[place];
                END IF;
            END LOOP;
        END IF;

        amount := LEAST(taken, room);
        IF amount < asked[n] AND (minimums[n] IS NULL OR amount < GREATEST(minimums[n], 1)) THEN
            IF room < taken THEN
                refusals[n] := json_build_object('outcome', 'capped', 'asked', asked[n],
                    'free', GREATEST(room, 0), 'cap_subject', strictest);
            ELSE
                refusals[n] := json_build_object('outcome', 'insufficient',
                    'asked', asked[n], 'free', free_in_all,
                    'wallet_id', COALESCE(named[branch], acting[branch]),
                    'wallet_kind', named_kinds[branch]);
            END IF;
            CONTINUE;
        END IF;

        admitted := admitted + 1;
        granted[n] := amount;
        lies_in := '[]';
        taken := amount;
        FOREACH payer IN ARRAY part_payers LOOP
            spot := spots[payer];
            part := LEAST(free[spot], taken);
            CONTINUE WHEN part = 0;
            taken := taken - part;
            free[spot] := free[spot] - part;
            reserved_more[spot] := reserved_more[spot] + part;
            lies_in := lies_in || jsonb_build_object(
                'wallet', wallets[spot], 'kind', kinds[payer], 'amount', part);
        END LOOP;
        sources[n] := lies_in;
        counters[n] := '[]';
        FOREACH place IN ARRAY part_caps LOOP
            rooms[place] := rooms[place] - amount;
            held_more[place] := held_more[place] + amount;
            counters[n] := counters[n] || jsonb_build_object(
                'cap', cap_ids[place], 'starts_at', cap_starts[place]);
        END LOOP;
    END LOOP;

    IF admitted > 0 THEN
        -- Sorted, so that two batches which bring the same calls wait for each other in one order.
        INSERT INTO {schema}.credits_reservation (
            request_id, book_id, cycle_id, wallet_id, main_wallet_id, payers, sources, caps, amount,
            estimate, reported, factor, factor_version, price_version, policy_version, fingerprint,
            context, state, created_at, expires_at, dispatched_at)
        SELECT c.request_id, books[c.branch], cycles[c.branch], acting[c.branch], mains[c.branch],
            payers[firsts[c.branch]:lasts[c.branch]], c.sources, c.counters, c.granted,
            c.estimate_microcredits, 0, c.factor, c.factor_version, c.price_version,
            c.policy_version, c.fingerprint, c.context, 'open', moment,
            moment + make_interval(secs => c.ttl_seconds), CASE WHEN c.dispatch THEN moment END
        FROM ROWS FROM (
            unnest(branches), unnest(granted), unnest(sources), unnest(counters),
            jsonb_to_recordset(calls) AS (
                request_id uuid, estimate_microcredits bigint, factor numeric, factor_version int,
                price_version text, policy_version bigint, fingerprint text, context jsonb,
                ttl_seconds float8, dispatch boolean)
        ) AS c (branch, granted, sources, counters)
        WHERE c.granted IS NOT NULL
        ORDER BY c.request_id
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed < admitted OR EXISTS (
            SELECT FROM {schema}.credits_usageevent e
            WHERE e.id = ANY (request_ids) AND e.id <> ALL (known))
        THEN
            -- The same call came by another way at the same time; one by one, they sort it out.
            RAISE EXCEPTION 'a call of the batch came twice' USING ERRCODE = 'unique_violation';
        END IF;
    END IF;

    UPDATE {schema}.credits_balance b SET
        reserved = b.reserved + u.reserved,
        used = b.used + u.used,
        overrun = LEAST(b.overrun, GREATEST(
            b.used + u.used + b.reserved + u.reserved - b.credited - b.credit_limit, 0))
    FROM unnest(wallets, wallet_cycles, reserved_more, used_more) AS u (id, cycle, reserved, used)
    WHERE b.wallet_id = u.id AND b.cycle_id = u.cycle AND (u.reserved <> 0 OR u.used <> 0);
    IF cap_ids IS NOT NULL THEN
        UPDATE {schema}.credits_capcounter k
        SET reserved = k.reserved + u.held, used = k.used + u.counted
        FROM unnest(cap_ids, cap_starts, held_more, counted_more) AS u (id, starts_at, held, counted)
        WHERE k.cap_id = u.id AND k.window_start = u.starts_at
            AND (u.held <> 0 OR u.counted <> 0);
    END IF;
    RETURN json_build_object(
        'settled', settled, 'charged', charged, 'charges', charges,
        'released', released, 'dispatched', dispatched,
        'granted', granted, 'sources', sources, 'branches', branches, 'refusals', refusals,
        'wallets', ARRAY(
            SELECT COALESCE(b.named, b.acting) FROM unnest(named, acting)
                WITH ORDINALITY AS b (named, acting, nth) ORDER BY b.nth),
        'kinds', named_kinds, 'policy_version', policy_version);
END
$ledger$;
