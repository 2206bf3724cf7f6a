-- Charge the real cost of a call and write its event, in one round trip. Nearly all are plain: the
-- reservation is open in the open cycle, lies in one wallet, counts in no cap and covers the cost.
-- Those take one statement here; all others are `ledger_settle_any`'s.
CREATE OR REPLACE FUNCTION {schema}.ledger_settle(request jsonb) RETURNS jsonb
LANGUAGE plpgsql {pinned} AS $ledger$
DECLARE
    event record;
BEGIN
    WITH ended AS (
        DELETE FROM {schema}.credits_reservation r
        WHERE r.request_id = (request->>'request_id')::uuid AND r.state = 'open'
            AND ceil((request->>'cost_usd')::numeric * r.factor * 1000000) <= r.amount
            AND jsonb_array_length(r.sources) = 1 AND r.caps = '[]'
            AND EXISTS (
                SELECT FROM {schema}.credits_cycle c WHERE c.id = r.cycle_id AND c.state = 'open')
        RETURNING r.*, (r.sources->0->>'wallet')::uuid AS payer,
            ceil((request->>'cost_usd')::numeric * r.factor * 1000000)::bigint AS charge
    ), paid AS (
        UPDATE {schema}.credits_balance b SET
            reserved = b.reserved - e.amount,
            used = b.used + e.charge,
            overrun = LEAST(b.overrun, GREATEST(
                b.used + e.charge + b.reserved - e.amount - b.credited - b.credit_limit, 0))
        FROM ended e
        WHERE b.wallet_id = e.payer AND b.cycle_id = e.cycle_id
    ), named AS (
        -- The keys come out in one order for everybody, so that two firsts cannot deadlock.
        INSERT INTO {schema}.credits_label (subject, text)
        SELECT l.key::uuid, left(l.value, 254)
        FROM ended e CROSS JOIN LATERAL jsonb_each_text(e.context->'labels') AS l
        ON CONFLICT DO NOTHING
    )
    INSERT INTO {schema}.credits_usageevent AS u (
        id, book_id, cycle_id, wallet_id, product, user_id, member_id, membership_id, team_id,
        organization_id, key_id, client_id, agent_id, connection_id, tool, llm, kind,
        upstream_model, deployment, guardrails, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, cost_usd, reported_cost_usd, factor, factor_version, price_version,
        reserved, credits, charges, caps, outcome, status_code, error_code, is_estimated, is_late,
        is_unsettled, latency_ms, first_token_ms, fingerprint, created_at)
    SELECT e.request_id, e.book_id, e.cycle_id, e.wallet_id, x.product, x.user_id, x.member_id,
        x.membership_id, x.team_id, x.organization_id, x.key_id, x.client_id, x.agent_id,
        x.connection_id, left(COALESCE(x.tool, ''), 200),
        left(COALESCE(NULLIF(s.llm, ''), x.llm), 200), x.kind,
        left(COALESCE(s.upstream_model, ''), 200), left(COALESCE(s.deployment, ''), 200),
        COALESCE(s.guardrails, '[]'), COALESCE(s.input_tokens, 0),
        COALESCE(s.output_tokens, 0), COALESCE(s.cached_tokens, 0),
        COALESCE(s.reasoning_tokens, 0), s.cost_usd, s.reported_cost_usd, e.factor,
        e.factor_version, COALESCE(NULLIF(s.price_version, ''), e.price_version), e.amount,
        e.charge, CASE WHEN e.charge = 0 THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
            'wallet', e.payer, 'amount', e.charge)) END,
        '[]', s.outcome, s.status_code, left(COALESCE(s.error_code, ''), 64),
        COALESCE(s.is_estimated, false), false, false, s.latency_ms, s.first_token_ms,
        e.fingerprint, clock_timestamp()
    FROM ended e
    CROSS JOIN LATERAL jsonb_to_record(request) AS s (
        llm text, price_version text, upstream_model text, deployment text, guardrails jsonb,
        input_tokens bigint, output_tokens bigint, cached_tokens bigint, reasoning_tokens bigint,
        cost_usd numeric, reported_cost_usd numeric, outcome text, status_code smallint,
        error_code text, is_estimated boolean, latency_ms int, first_token_ms int)
    CROSS JOIN LATERAL jsonb_to_record(e.context) AS x (
        product text, user_id uuid, member_id uuid, membership_id uuid, team_id uuid,
        organization_id uuid, key_id uuid, client_id uuid, agent_id uuid, connection_id uuid,
        tool text, llm text, kind text)
    RETURNING u.id, u.credits, u.charges INTO event;
    IF NOT FOUND THEN
        RETURN {schema}.ledger_settle_any(request);
    END IF;
    RETURN jsonb_build_object('outcome', 'settled', 'credits', event.credits,
        'charges', event.charges, 'event_id', event.id);
END
$ledger$;
