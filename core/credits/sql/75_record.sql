-- Who pays for a charge that is more than nothing and no more than is held: the first source first.
CREATE OR REPLACE FUNCTION {schema}.ledger_charges(sources jsonb, charge bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $ledger$
    SELECT jsonb_agg(jsonb_build_object('wallet', p.wallet, 'amount', p.paid) ORDER BY p.nth)
    FROM (
        SELECT s.nth, s.source->'wallet' AS wallet,
            LEAST((s.source->>'amount')::bigint, charge - COALESCE(sum(
                (s.source->>'amount')::bigint) OVER (
                    ORDER BY s.nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
            )::bigint AS paid
        FROM jsonb_array_elements(sources) WITH ORDINALITY AS s (source, nth)
    ) p
    WHERE p.paid > 0
$ledger$;


-- Write the events of many calls that cost no more than they held, and the labels they bring. What
-- only ends a hold or marks it is left out.
CREATE OR REPLACE FUNCTION {schema}.ledger_record(
    results jsonb[], charged bigint[], charges jsonb[], held {schema}.credits_reservation[],
    moment timestamptz
) RETURNS void
LANGUAGE plpgsql AS $ledger$
BEGIN
    INSERT INTO {schema}.credits_usageevent (
        id, book_id, cycle_id, wallet_id, product, user_id, member_id, membership_id, team_id,
        organization_id, key_id, client_id, agent_id, connection_id, tool, llm, kind,
        upstream_model, deployment, guardrails, input_tokens, output_tokens, cached_tokens,
        reasoning_tokens, cost_usd, reported_cost_usd, factor, factor_version, price_version,
        reserved, credits, charges, caps, outcome, status_code, error_code, is_estimated,
        is_late, is_unsettled, latency_ms, first_token_ms, fingerprint, created_at)
    SELECT h.request_id, h.book_id, h.cycle_id, h.wallet_id, x.product, x.user_id, x.member_id,
        x.membership_id, x.team_id, x.organization_id, x.key_id, x.client_id, x.agent_id,
        x.connection_id, left(COALESCE(x.tool, ''), 200),
        left(COALESCE(NULLIF(s.llm, ''), x.llm), 200), x.kind,
        left(COALESCE(s.upstream_model, ''), 200), left(COALESCE(s.deployment, ''), 200),
        COALESCE(s.guardrails, '[]'), COALESCE(s.input_tokens, 0),
        COALESCE(s.output_tokens, 0), COALESCE(s.cached_tokens, 0),
        COALESCE(s.reasoning_tokens, 0), s.cost_usd, s.reported_cost_usd, h.factor,
        h.factor_version, COALESCE(NULLIF(s.price_version, ''), h.price_version), h.amount,
        h.charge, h.charges, h.caps, s.outcome, s.status_code, left(COALESCE(s.error_code, ''), 64), COALESCE(s.is_estimated, false),
        false, false, s.latency_ms, s.first_token_ms, h.fingerprint, moment
    FROM unnest(results, charged, charges, held) AS h (result, charge, charges)
    CROSS JOIN LATERAL jsonb_to_record(h.result) AS s (
        llm text, price_version text, upstream_model text, deployment text, guardrails jsonb,
        input_tokens bigint, output_tokens bigint, cached_tokens bigint, reasoning_tokens bigint, cost_usd numeric,
        reported_cost_usd numeric, outcome text, status_code smallint, error_code text,
        is_estimated boolean, latency_ms int, first_token_ms int)
    CROSS JOIN LATERAL jsonb_to_record(h.context) AS x (
        product text, user_id uuid, member_id uuid, membership_id uuid, team_id uuid,
        organization_id uuid, key_id uuid, client_id uuid, agent_id uuid, connection_id uuid,
        tool text, llm text, kind text)
    WHERE NOT h.result ? 'op';

    -- Most calls of a flush bring the same labels.
    INSERT INTO {schema}.credits_label (subject, text)
    SELECT DISTINCT ON (1) l.key::uuid, left(l.value, 254)
    FROM (
        SELECT DISTINCT h.context->'labels' AS labels
        FROM unnest(results, held) AS h (result)
        WHERE NOT h.result ? 'op'
    ) h
    CROSS JOIN jsonb_each_text(h.labels) AS l
    ORDER BY 1
    ON CONFLICT DO NOTHING;
END
$ledger$;
