-- The first answer to a request that came before, or null for a new one.
CREATE OR REPLACE FUNCTION {schema}.ledger_known(request uuid, print text) RETURNS jsonb
LANGUAGE plpgsql AS $ledger$
DECLARE
    known_print text;
    amount bigint;
    sources jsonb;
    state text;
    wallet uuid;
    owner text;
BEGIN
    SELECT r.fingerprint, r.amount, r.sources, r.state, r.wallet_id, r.context->>'owner'
    INTO known_print, amount, sources, state, wallet, owner
    FROM {schema}.credits_reservation r WHERE r.request_id = request;
    IF NOT FOUND THEN
        SELECT e.fingerprint, e.reserved, '[]', 'ended', e.wallet_id
        INTO known_print, amount, sources, state, wallet
        FROM {schema}.credits_usageevent e WHERE e.id = request;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN jsonb_build_object(
        'outcome', CASE WHEN known_print = print THEN 'duplicate' ELSE 'mismatch' END,
        'amount', amount, 'sources', sources, 'state', state, 'wallet_id', wallet,
        'owner', owner);
END
$ledger$;


-- Hold the upper bound of a call's price, whatever it takes: from several wallets, within every
-- cap. `ledger_reserve` makes the plain ones. Balances are locked one by one along the order of payers, which is the lock order, and
-- only as far as needed: members with credits of their own do not queue for their team's row.
CREATE OR REPLACE FUNCTION {schema}.ledger_reserve_any(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    call CONSTANT uuid := (request->>'request_id')::uuid;
    acting CONSTANT uuid := (request->>'wallet_id')::uuid;
    asked CONSTANT bigint := (request->>'amount')::bigint;
    minimum CONSTANT bigint := (request->>'minimum')::bigint;
    print CONSTANT text := request->>'fingerprint';
    subjects CONSTANT uuid[] := ARRAY(
        SELECT s::uuid FROM jsonb_array_elements_text(request->'cap_subjects') s);
    policy record;
    payer record;
    -- The one of the book that pays, with what else all payers have in common.
    cycle record;
    cap record;
    payers uuid[];
    source_ids uuid[];
    source_kinds text[];
    source_amounts bigint[];
    cap_ids uuid[] := '{}';
    cap_starts timestamptz[] := '{}';
    strictest uuid;
    room bigint;
    counted bigint;
    free bigint;
    free_in_all bigint;
    part bigint;
    taken bigint;
    granted bigint;
    -- The wallet that an overrun falls on, and the one that a refusal names.
    main uuid;
    named uuid;
    named_kind text;
    sources jsonb;
    counters jsonb := '[]';
    moment timestamptz;
BEGIN
    IF EXISTS (SELECT FROM {schema}.credits_reservation r WHERE r.request_id = call)
        OR EXISTS (SELECT FROM {schema}.credits_usageevent e WHERE e.id = call)
    THEN
        RETURN {schema}.ledger_known(call, print);
    END IF;

    SELECT p.version, p.is_suspended INTO STRICT policy
    FROM {schema}.tenancy_policystate p WHERE p.id = 1;
    IF policy.is_suspended THEN
        RETURN jsonb_build_object('outcome', 'suspended', 'policy_version', policy.version);
    ELSIF (request->>'policy_version')::bigint < policy.version THEN
        RETURN jsonb_build_object('outcome', 'stale', 'policy_version', policy.version);
    END IF;

    LOOP
        payers := '{}';
        source_ids := '{}';
        source_kinds := '{}';
        source_amounts := '{}';
        main := NULL;
        named := NULL;
        taken := 0;
        free_in_all := 0;

        FOR payer IN
            SELECT p.wallet_id, p.kind, p.via, p.book_id, p.time_zone, c.id AS cycle_id,
                c.starts_at
            FROM {schema}.ledger_payers() p
            JOIN {schema}.credits_cycle c ON c.book_id = p.book_id AND c.state = 'open'
            WHERE p.acting_id = acting ORDER BY p.place
        LOOP
            cycle := payer;
            payers := payers || payer.wallet_id;
            IF main IS NULL AND payer.via <> 'leftover' THEN
                main := payer.wallet_id;
            END IF;
            IF payer.via IN ('own', 'inherits') THEN
                named := payer.wallet_id;
                named_kind := payer.kind;
            END IF;
            CONTINUE WHEN taken >= asked;
            SELECT b.credited + b.credit_limit - b.used - b.reserved INTO free
            FROM {schema}.credits_balance b
            WHERE b.wallet_id = payer.wallet_id AND b.cycle_id = cycle.cycle_id
            FOR UPDATE;
            CONTINUE WHEN free IS NULL OR free <= 0;
            part := LEAST(free, asked - taken);
            taken := taken + part;
            free_in_all := free_in_all + free;
            source_ids := source_ids || payer.wallet_id;
            source_kinds := source_kinds || payer.kind;
            source_amounts := source_amounts || part;
        END LOOP;
        IF payers = '{}' THEN
            RAISE EXCEPTION 'wallet % does not spend', acting USING ERRCODE = 'no_data_found';
        END IF;

        -- A renewal may have opened the next cycle while we waited for a lock.
        EXIT WHEN EXISTS (
            SELECT FROM {schema}.credits_cycle c WHERE c.id = cycle.cycle_id AND c.state = 'open');
    END LOOP;

    moment := clock_timestamp();
    FOR cap IN
        SELECT c.id, c.subject, c.amount,
            CASE c."window"
                WHEN 'cycle' THEN cycle.starts_at
                ELSE date_trunc(c."window", moment AT TIME ZONE cycle.time_zone)
                    AT TIME ZONE cycle.time_zone
            END AS starts_at
        FROM {schema}.credits_cap c
        WHERE c.book_id = cycle.book_id AND c.subject = ANY (subjects)
        ORDER BY c.id
    LOOP
        INSERT INTO {schema}.credits_capcounter (cap_id, window_start, used, reserved)
        VALUES (cap.id, cap.starts_at, 0, 0) ON CONFLICT DO NOTHING;
        SELECT k.used + k.reserved INTO STRICT counted FROM {schema}.credits_capcounter k
        WHERE k.cap_id = cap.id AND k.window_start = cap.starts_at
        FOR UPDATE;
        cap_ids := cap_ids || cap.id;
        cap_starts := cap_starts || cap.starts_at;
        counters := counters || jsonb_build_object('cap', cap.id, 'starts_at', cap.starts_at);
        IF room IS NULL OR cap.amount - counted < room THEN
            room := cap.amount - counted;
            strictest := cap.subject;
        END IF;
    END LOOP;

    granted := LEAST(taken, room);
    IF granted < asked AND (minimum IS NULL OR granted < GREATEST(minimum, 1)) THEN
        IF room < taken THEN
            RETURN jsonb_build_object('outcome', 'capped', 'asked', asked,
                'free', GREATEST(room, 0), 'cap_subject', strictest);
        END IF;
        RETURN jsonb_build_object('outcome', 'insufficient', 'asked', asked, 'free', free_in_all,
            'wallet_id', COALESCE(named, acting), 'wallet_kind', named_kind);
    END IF;

    -- A cap may have left less than the wallets have: then the last payers pay less.
    sources := '[]';
    part := granted;
    FOR place IN 1 .. cardinality(source_ids) LOOP
        source_amounts[place] := LEAST(source_amounts[place], part);
        part := part - source_amounts[place];
        IF source_amounts[place] > 0 THEN
            sources := sources || jsonb_build_object('wallet', source_ids[place],
                'kind', source_kinds[place], 'amount', source_amounts[place]);
        END IF;
    END LOOP;

    INSERT INTO {schema}.credits_reservation (
        request_id, book_id, cycle_id, wallet_id, main_wallet_id, payers, sources, caps, amount,
        estimate, reported, factor, factor_version, price_version, policy_version, fingerprint,
        context, state, created_at, expires_at, dispatched_at)
    VALUES (
        call, cycle.book_id, cycle.cycle_id, acting, main, payers, sources,
        counters,
        granted, (request->>'estimate_microcredits')::bigint, 0, (request->>'factor')::numeric,
        (request->>'factor_version')::int, request->>'price_version',
        (request->>'policy_version')::bigint, print, request->'context', 'open', moment,
        moment + make_interval(secs => (request->>'ttl_seconds')::float8),
        CASE WHEN (request->>'dispatch')::boolean THEN moment END)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- The same request came twice at once, and the other one was first.
        RETURN {schema}.ledger_known(call, print);
    ELSIF EXISTS (SELECT FROM {schema}.credits_usageevent e WHERE e.id = call) THEN
        -- It was first by so much that it has even ended in the meantime.
        DELETE FROM {schema}.credits_reservation r WHERE r.request_id = call;
        RETURN {schema}.ledger_known(call, print);
    END IF;

    UPDATE {schema}.credits_balance b SET reserved = b.reserved + u.amount
    FROM unnest(source_ids, source_amounts) AS u (id, amount)
    WHERE b.wallet_id = u.id AND b.cycle_id = cycle.cycle_id AND u.amount > 0;
    IF cap_ids <> '{}' THEN
        UPDATE {schema}.credits_capcounter k SET reserved = k.reserved + granted
        FROM unnest(cap_ids, cap_starts) AS u (id, starts_at)
        WHERE k.cap_id = u.id AND k.window_start = u.starts_at;
    END IF;
    RETURN jsonb_build_object('outcome', 'reserved', 'amount', granted, 'sources', sources,
        'wallet_id', COALESCE(named, acting), 'wallet_kind', named_kind, 'asked', asked,
        'state', 'open', 'policy_version', policy.version);
END
$ledger$;
