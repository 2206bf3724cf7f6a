-- Give back part of what an ended call was charged, the last payer first, as an event of its own:
-- into the cycle that was charged, or the open one once that is closed. A `refund_id` refunds once.
-- What a guess charged is not refunded: the settlement that is still to come would not know.
CREATE OR REPLACE FUNCTION {schema}.ledger_refund(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    refund CONSTANT uuid := (request->>'refund_id')::uuid;
    amount CONSTANT bigint := (request->>'amount')::bigint;
    event {schema}.credits_usageevent;
    known record;
    is_known boolean;
    involved uuid[];
    cycle uuid;
    next uuid;
    left_over jsonb;
    charges jsonb;
    rest bigint;
BEGIN
    SELECT e.* INTO event FROM {schema}.credits_usageevent e
    WHERE e.id = (request->>'request_id')::uuid AND e.corrects IS NULL AND e.refund_of IS NULL;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'unknown', 'left', 0, 'charges', '[]'::jsonb);
    END IF;
    involved := ARRAY(
        SELECT p.wallet_id FROM {schema}.ledger_payers() p WHERE p.acting_id = event.wallet_id
        UNION
        SELECT (c->>'wallet')::uuid FROM {schema}.credits_usageevent e
        CROSS JOIN jsonb_array_elements(e.charges) c
        WHERE e.id = event.id OR e.corrects = event.id);
    SELECT late.target, late.next INTO cycle, next
    FROM {schema}.ledger_hold_late(event.cycle_id, involved) late;

    -- With the payers' balances held, nobody else refunds or corrects this call.
    SELECT e.refund_of, -e.credits AS amount, e.charges INTO known
    FROM {schema}.credits_usageevent e WHERE e.id = refund;
    is_known := FOUND;
    -- What each payer has paid and not got back, in the order of payers.
    SELECT COALESCE(jsonb_agg(jsonb_build_object('wallet', p.wallet, 'amount', p.amount)
            ORDER BY p.nth), '[]'), COALESCE(sum(p.amount), 0)
    INTO left_over, rest
    FROM (
        SELECT c.value->>'wallet' AS wallet, sum((c.value->>'amount')::bigint) AS amount,
            min(CASE WHEN e.id = event.id THEN c.ordinality ELSE 100 + c.ordinality END) AS nth
        FROM (
            SELECT own.id, own.charges FROM {schema}.credits_usageevent own
            WHERE own.id = event.id
            UNION ALL
            SELECT k.id, k.charges FROM {schema}.credits_usageevent k WHERE k.corrects = event.id
            UNION ALL
            SELECT r.id, r.charges FROM {schema}.credits_usageevent r WHERE r.refund_of = event.id
        ) e
        CROSS JOIN jsonb_array_elements(e.charges) WITH ORDINALITY c
        GROUP BY 1 HAVING sum((c.value->>'amount')::bigint) > 0
    ) p;
    IF is_known THEN
        RETURN jsonb_build_object('outcome', CASE
            WHEN known.refund_of = event.id AND known.amount = amount THEN 'duplicate'
            ELSE 'mismatch' END, 'left', rest, 'charges', known.charges);
    ELSIF event.is_unsettled AND NOT EXISTS (
        SELECT FROM {schema}.credits_usageevent e WHERE e.corrects = event.id)
    THEN
        RETURN jsonb_build_object('outcome', 'unsettled', 'left', 0, 'charges', '[]'::jsonb);
    ELSIF amount > rest THEN
        RETURN jsonb_build_object('outcome', 'too_much', 'left', rest, 'charges', '[]'::jsonb);
    END IF;

    charges := {schema}.ledger_give_back(cycle, left_over, amount);
    IF next IS NOT NULL THEN
        PERFORM {schema}.ledger_carry_nodes(cycle, next, involved);
    END IF;
    IF event.caps <> '[]' THEN
        PERFORM {schema}.ledger_count(event.caps, 0, -amount);
    END IF;
    -- The provider is not paid back: cost and tokens stay with the call.
    INSERT INTO {schema}.credits_usageevent (
        id, refund_of, book_id, cycle_id, wallet_id, product, user_id, member_id, membership_id,
        team_id, organization_id, key_id, client_id, agent_id, connection_id, tool, llm, kind,
        upstream_model, deployment, guardrails, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, cost_usd, factor, factor_version, price_version, reserved, credits,
        charges, caps, outcome, error_code, is_estimated, is_late, is_unsettled, fingerprint,
        created_at)
    VALUES (
        refund, event.id, event.book_id, cycle, event.wallet_id, event.product, event.user_id,
        event.member_id, event.membership_id, event.team_id, event.organization_id, event.key_id,
        event.client_id, event.agent_id, event.connection_id, event.tool, event.llm, event.kind,
        event.upstream_model, event.deployment, '[]', 0, 0, 0, 0, 0, event.factor,
        event.factor_version, event.price_version, 0, -amount, charges, event.caps, event.outcome,
        '', false, cycle <> event.cycle_id, false, event.fingerprint, clock_timestamp());
    RETURN jsonb_build_object('outcome', 'refunded', 'left', rest - amount, 'charges', charges);
END
$ledger$;
