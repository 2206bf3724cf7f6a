-- Pay `charge` micro-credits in one cycle: first from what `sources` hold, then from what is free
-- along `payers`, and what is left over as an overrun of `main`. All of the hold is freed. Returns
-- who paid how much.
CREATE OR REPLACE FUNCTION {schema}.ledger_pay(
    cycle uuid, sources jsonb, payers uuid[], main uuid, charge bigint
) RETURNS jsonb
LANGUAGE plpgsql AS $ledger$
DECLARE
    source record;
    rest bigint := charge;
    part bigint;
    place int;
    -- How much each of `payers` pays, at the same place.
    paid bigint[] := array_fill(0::bigint, ARRAY[cardinality(payers)]);
    held bigint;
    involved uuid[];
BEGIN
    SELECT COALESCE(sum((s->>'amount')::bigint), 0),
        COALESCE(array_agg((s->>'wallet')::uuid), '{}')
    INTO held, involved
    FROM jsonb_array_elements(sources) s;
    IF charge > held THEN
        involved := payers;
    END IF;
    -- One source that covers the charge is the usual case, and one update locks it by itself.
    IF cardinality(involved) > 1 THEN
        PERFORM FROM {schema}.credits_balance b
        JOIN {schema}.credits_wallet w ON w.id = b.wallet_id
        WHERE b.wallet_id = ANY (involved) AND b.cycle_id = cycle
        ORDER BY w.depth DESC, w.id
        FOR UPDATE OF b;
    END IF;

    FOR source IN
        SELECT (s->>'wallet')::uuid AS wallet, (s->>'amount')::bigint AS amount
        FROM jsonb_array_elements(sources) s
    LOOP
        part := LEAST(source.amount, rest);
        rest := rest - part;
        UPDATE {schema}.credits_balance b SET
            reserved = b.reserved - source.amount,
            used = b.used + part,
            overrun = LEAST(b.overrun, GREATEST(
                b.used + part + b.reserved - source.amount - b.credited - b.credit_limit, 0))
        WHERE b.wallet_id = source.wallet AND b.cycle_id = cycle;
        place := array_position(payers, source.wallet);
        paid[place] := part;
    END LOOP;

    place := 0;
    WHILE rest > 0 AND place < cardinality(payers) LOOP
        place := place + 1;
        SELECT LEAST(b.credited + b.credit_limit - b.used - b.reserved, rest) INTO part
        FROM {schema}.credits_balance b WHERE b.wallet_id = payers[place] AND b.cycle_id = cycle;
        CONTINUE WHEN part IS NULL OR part <= 0;
        UPDATE {schema}.credits_balance b SET used = b.used + part
        WHERE b.wallet_id = payers[place] AND b.cycle_id = cycle;
        paid[place] := paid[place] + part;
        rest := rest - part;
    END LOOP;

    IF rest > 0 THEN
        UPDATE {schema}.credits_balance b SET used = b.used + rest, overrun = b.overrun + rest
        WHERE b.wallet_id = main AND b.cycle_id = cycle;
        place := array_position(payers, main);
        paid[place] := paid[place] + rest;
    END IF;

    RETURN (
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('wallet', p.wallet, 'amount', p.amount) ORDER BY p.place), '[]')
        FROM unnest(payers, paid) WITH ORDINALITY AS p (wallet, amount, place)
        WHERE p.amount > 0);
END
$ledger$;


-- Move what a call held under its caps to what it used.
CREATE OR REPLACE FUNCTION {schema}.ledger_count(caps jsonb, held bigint, charge bigint)
RETURNS void
LANGUAGE plpgsql AS $ledger$
DECLARE
    counter record;
BEGIN
    -- The reservation lists its counters in lock order.
    FOR counter IN
        SELECT (c->>'cap')::uuid AS cap, (c->>'starts_at')::timestamptz AS starts_at
        FROM jsonb_array_elements(caps) c
    LOOP
        UPDATE {schema}.credits_capcounter k
        SET reserved = k.reserved - held, used = k.used + charge
        WHERE k.cap_id = counter.cap AND k.window_start = counter.starts_at;
    END LOOP;
END
$ledger$;


-- End a reservation with a charge: pay, count, write the event, drop the hold. The caller has
-- locked the reservation's row.
CREATE OR REPLACE FUNCTION {schema}.ledger_charge(
    held {schema}.credits_reservation, result jsonb, cost numeric, charge bigint,
    is_unsettled boolean
) RETURNS jsonb
LANGUAGE plpgsql AS $ledger$
DECLARE
    was_open CONSTANT boolean := held.state = 'open';
    context CONSTANT jsonb := held.context;
    cycle uuid := held.cycle_id;
    -- Where to move on what is free afterwards, if the cycle is closing.
    next uuid;
    charges jsonb;
BEGIN
    -- Seen without a lock: where the cycle ends at this very moment, the rest stays in it and the
    -- close moves it on.
    IF NOT was_open OR EXISTS (SELECT FROM {schema}.credits_cycle c
        WHERE c.id = held.cycle_id AND c.state <> 'open') THEN
        SELECT late.target, late.next INTO cycle, next
        FROM {schema}.ledger_hold_late(held.cycle_id, held.payers) late;
    END IF;
    charges := {schema}.ledger_pay(
        cycle, CASE WHEN was_open THEN held.sources ELSE '[]' END, held.payers,
        held.main_wallet_id, charge);
    IF next IS NOT NULL THEN
        PERFORM {schema}.ledger_carry_nodes(cycle, next, held.payers);
    END IF;
    IF held.caps <> '[]' THEN
        PERFORM {schema}.ledger_count(
            held.caps, CASE WHEN was_open THEN held.amount ELSE 0 END, charge);
    END IF;

    INSERT INTO {schema}.credits_usageevent (
        id, book_id, cycle_id, wallet_id, product, user_id, member_id, membership_id, team_id,
        organization_id, key_id, client_id, agent_id, connection_id, tool, llm, kind,
        upstream_model, deployment, guardrails, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, cost_usd, reported_cost_usd, factor, factor_version, price_version,
        reserved, credits, charges, caps, outcome, status_code, error_code, is_estimated, is_late,
        is_unsettled, latency_ms, first_token_ms, fingerprint, created_at)
    VALUES (
        held.request_id, held.book_id, cycle, held.wallet_id, context->>'product',
        (context->>'user_id')::uuid, (context->>'member_id')::uuid,
        (context->>'membership_id')::uuid, (context->>'team_id')::uuid,
        (context->>'organization_id')::uuid, (context->>'key_id')::uuid,
        (context->>'client_id')::uuid, (context->>'agent_id')::uuid,
        (context->>'connection_id')::uuid, left(COALESCE(context->>'tool', ''), 200),
        left(COALESCE(NULLIF(result->>'llm', ''), context->>'llm'), 200), context->>'kind',
        left(COALESCE(result->>'upstream_model', ''), 200),
        left(COALESCE(result->>'deployment', ''), 200), COALESCE(result->'guardrails', '[]'),
        COALESCE((result->>'input_tokens')::bigint, 0),
        COALESCE((result->>'output_tokens')::bigint, 0),
        COALESCE((result->>'cached_tokens')::bigint, 0),
        COALESCE((result->>'reasoning_tokens')::bigint, 0), cost,
        (result->>'reported_cost_usd')::numeric, held.factor, held.factor_version,
        COALESCE(NULLIF(result->>'price_version', ''), held.price_version), held.amount, charge, charges, held.caps, result->>'outcome',
        (result->>'status_code')::smallint, left(COALESCE(result->>'error_code', ''), 64),
        COALESCE((result->>'is_estimated')::boolean, false),
        NOT was_open OR cycle <> held.cycle_id,
        ledger_charge.is_unsettled, (result->>'latency_ms')::int,
        (result->>'first_token_ms')::int, held.fingerprint, clock_timestamp());

    IF context->'labels' <> '{}' THEN
        -- The keys come out in one order for everybody, so that two firsts cannot deadlock.
        INSERT INTO {schema}.credits_label (subject, text)
        SELECT l.key::uuid, left(l.value, 254) FROM jsonb_each_text(context->'labels') l
        ON CONFLICT DO NOTHING;
    END IF;
    DELETE FROM {schema}.credits_reservation r WHERE r.request_id = held.request_id;
    RETURN jsonb_build_object(
        'outcome', CASE WHEN was_open THEN 'settled' ELSE 'late' END,
        'credits', charge, 'charges', charges, 'event_id', held.request_id);
END
$ledger$;


-- A settlement after the sweep had to guess: charge or give back the difference, as an event of
-- its own, once.
CREATE OR REPLACE FUNCTION {schema}.ledger_correct(
    guess {schema}.credits_usageevent, result jsonb, cost numeric
) RETURNS jsonb
LANGUAGE plpgsql AS $ledger$
DECLARE
    difference CONSTANT bigint := ceil(cost * guess.factor * 1000000)::bigint - guess.credits;
    cycle uuid;
    next uuid;
    correction CONSTANT uuid := {schema}.ledger_uuid7();
    payers CONSTANT uuid[] := ARRAY(
        SELECT p.wallet_id FROM {schema}.ledger_payers() p
        WHERE p.acting_id = guess.wallet_id ORDER BY p.place);
    main CONSTANT uuid := COALESCE((
        SELECT p.wallet_id FROM {schema}.ledger_payers() p
        WHERE p.acting_id = guess.wallet_id AND p.via <> 'leftover'
        ORDER BY p.place LIMIT 1), guess.wallet_id);
    involved CONSTANT uuid[] := payers || ARRAY(
        SELECT (c->>'wallet')::uuid FROM jsonb_array_elements(guess.charges) c);
    charges jsonb;
    known record;
BEGIN
    SELECT late.target, late.next INTO cycle, next
    FROM {schema}.ledger_hold_late(guess.cycle_id, involved) late;
    SELECT e.id, e.credits, e.charges INTO known
    FROM {schema}.credits_usageevent e WHERE e.corrects = guess.id;
    IF FOUND THEN
        RETURN jsonb_build_object('outcome', 'duplicate', 'credits', known.credits + guess.credits,
            'charges', known.charges, 'event_id', known.id);
    END IF;

    IF difference >= 0 THEN
        charges := {schema}.ledger_pay(cycle, '[]', payers, main, difference);
    ELSE
        charges := {schema}.ledger_give_back(cycle, guess.charges, -difference);
    END IF;
    IF next IS NOT NULL THEN
        PERFORM {schema}.ledger_carry_nodes(cycle, next, involved);
    END IF;
    IF guess.caps <> '[]' THEN
        PERFORM {schema}.ledger_count(guess.caps, 0, difference);
    END IF;
    INSERT INTO {schema}.credits_usageevent (
        id, corrects, book_id, cycle_id, wallet_id, product, user_id, member_id, membership_id,
        team_id, organization_id, key_id, client_id, agent_id, connection_id, tool, llm, kind,
        upstream_model, deployment, guardrails, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, cost_usd, reported_cost_usd, factor, factor_version, price_version,
        reserved, credits, charges, caps, outcome, status_code, error_code, is_estimated, is_late,
        is_unsettled, latency_ms, first_token_ms, fingerprint, created_at)
    VALUES (
        correction, guess.id, guess.book_id, cycle, guess.wallet_id, guess.product,
        guess.user_id, guess.member_id, guess.membership_id, guess.team_id,
        guess.organization_id, guess.key_id, guess.client_id, guess.agent_id,
        guess.connection_id, guess.tool, guess.llm, guess.kind,
        left(COALESCE(result->>'upstream_model', ''), 200),
        left(COALESCE(result->>'deployment', ''), 200),
        COALESCE(result->'guardrails', '[]'),
        COALESCE((result->>'input_tokens')::bigint, 0) - guess.input_tokens,
        COALESCE((result->>'output_tokens')::bigint, 0) - guess.output_tokens,
        COALESCE((result->>'cached_tokens')::bigint, 0) - guess.cached_tokens,
        COALESCE((result->>'reasoning_tokens')::bigint, 0) - guess.reasoning_tokens,
        cost - guess.cost_usd, (result->>'reported_cost_usd')::numeric, guess.factor,
        guess.factor_version, guess.price_version, 0, difference, charges, guess.caps, result->>'outcome',
        (result->>'status_code')::smallint, left(COALESCE(result->>'error_code', ''), 64),
        COALESCE((result->>'is_estimated')::boolean, false), true, false,
        (result->>'latency_ms')::int, (result->>'first_token_ms')::int, guess.fingerprint,
        clock_timestamp());
    RETURN jsonb_build_object('outcome', 'late', 'credits', guess.credits + difference,
        'charges', charges, 'event_id', correction);
END
$ledger$;


-- Undo part of what was charged, the last payer first. The caller has locked the balances.
CREATE OR REPLACE FUNCTION {schema}.ledger_give_back(cycle uuid, charges jsonb, amount bigint)
RETURNS jsonb
LANGUAGE plpgsql AS $ledger$
DECLARE
    charge record;
    rest bigint := amount;
    part bigint;
    given jsonb := '[]';
BEGIN
    FOR charge IN
        SELECT (c.value->>'wallet')::uuid AS wallet, (c.value->>'amount')::bigint AS amount
        FROM jsonb_array_elements(charges) WITH ORDINALITY c
        ORDER BY c.ordinality DESC
    LOOP
        EXIT WHEN rest = 0;
        part := LEAST(charge.amount, rest);
        rest := rest - part;
        UPDATE {schema}.credits_balance b SET
            used = b.used - part,
            overrun = LEAST(b.overrun, GREATEST(
                b.used - part + b.reserved - b.credited - b.credit_limit, 0))
        WHERE b.wallet_id = charge.wallet AND b.cycle_id = cycle;
        given := given || jsonb_build_object('wallet', charge.wallet, 'amount', -part);
    END LOOP;
    RETURN given;
END
$ledger$;


-- Charge the real cost of a call with the factor of its reservation, rounded up once, and write
-- its event, whatever it takes. Repeating it changes nothing. `ledger_settle` makes the plain ones.
CREATE OR REPLACE FUNCTION {schema}.ledger_settle_any(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    cost CONSTANT numeric := (request->>'cost_usd')::numeric;
    held {schema}.credits_reservation;
    event {schema}.credits_usageevent;
BEGIN
    SELECT r.* INTO held FROM {schema}.credits_reservation r
    WHERE r.request_id = (request->>'request_id')::uuid
    FOR UPDATE;
    IF FOUND THEN
        RETURN {schema}.ledger_charge(
            held, request, cost, ceil(cost * held.factor * 1000000)::bigint, false);
    END IF;

    SELECT e.* INTO event FROM {schema}.credits_usageevent e
    WHERE e.id = (request->>'request_id')::uuid;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'unknown', 'credits', 0, 'charges', '[]'::jsonb);
    ELSIF event.is_unsettled THEN
        RETURN {schema}.ledger_correct(event, request, cost);
    END IF;
    RETURN jsonb_build_object('outcome', 'duplicate', 'credits', event.credits,
        'charges', event.charges, 'event_id', event.id);
END
$ledger$;
