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


-- Settle many calls that are as plain as nearly all are: take their reservations out, in the order
-- of locks, and write their events and the labels they bring. Their balances and counters are the
-- caller's. What lies in one wallet names it among `payers`. What is not among `places` was left alone: it was not found open, costs more than was
-- held, or belongs to a cycle that is closing.
DROP FUNCTION IF EXISTS {schema}.ledger_record(
    jsonb[], bigint[], jsonb[], {schema}.credits_reservation[], timestamptz);
DROP FUNCTION IF EXISTS {schema}.ledger_settle_all(jsonb);
CREATE FUNCTION {schema}.ledger_settle_all(
    settlements jsonb, OUT places int[], OUT charged bigint[], OUT charges jsonb[],
    OUT held bigint[], OUT sources jsonb[], OUT cycles uuid[], OUT caps jsonb[],
    OUT payers uuid[]
)
LANGUAGE plpgsql AS $ledger$
DECLARE
    named jsonb[];
BEGIN
    WITH ended AS (
        DELETE FROM {schema}.credits_reservation r
        USING (
            SELECT * FROM ROWS FROM (jsonb_to_recordset(settlements) AS (
                request_id uuid, llm text, price_version text, upstream_model text,
                deployment text, guardrails jsonb, input_tokens bigint, output_tokens bigint,
                cached_tokens bigint, reasoning_tokens bigint, cost_usd numeric,
                reported_cost_usd numeric, outcome text, status_code smallint, error_code text,
                is_estimated boolean, latency_ms int, first_token_ms int)) WITH ORDINALITY
            ORDER BY request_id
        ) s
        WHERE r.request_id = s.request_id AND r.state = 'open'
            AND ceil(s.cost_usd * r.factor * 1000000) <= r.amount
            AND r.cycle_id = ANY (ARRAY(
                SELECT c.id FROM {schema}.credits_cycle c WHERE c.state = 'open'))
        RETURNING s.*, r.book_id, r.cycle_id, r.wallet_id, r.sources, r.caps, r.amount, r.factor,
            r.factor_version, r.price_version AS own_price_version, r.fingerprint, r.context,
            ceil(s.cost_usd * r.factor * 1000000)::bigint AS charge
    ), paid AS (
        SELECT e.*, CASE
                WHEN e.charge = 0 THEN '[]'
                WHEN (e.sources->0->>'amount')::bigint >= e.charge THEN jsonb_build_array(
                    jsonb_build_object('wallet', e.sources->0->'wallet', 'amount', e.charge))
                ELSE {schema}.ledger_charges(e.sources, e.charge)
            END AS charges
        FROM ended e
    ), written AS (
        INSERT INTO {schema}.credits_usageevent (
            id, book_id, cycle_id, wallet_id, product, user_id, member_id, membership_id, team_id,
            organization_id, key_id, client_id, agent_id, connection_id, tool, llm, kind,
            upstream_model, deployment, guardrails, input_tokens, output_tokens, cached_tokens,
            reasoning_tokens, cost_usd, reported_cost_usd, factor, factor_version, price_version,
            reserved, credits, charges, caps, outcome, status_code, error_code, is_estimated,
            is_late, is_unsettled, latency_ms, first_token_ms, fingerprint, created_at)
        SELECT p.request_id, p.book_id, p.cycle_id, p.wallet_id, x.product, x.user_id,
            x.member_id, x.membership_id, x.team_id, x.organization_id, x.key_id, x.client_id,
            x.agent_id, x.connection_id, left(COALESCE(x.tool, ''), 200),
            left(COALESCE(NULLIF(p.llm, ''), x.llm), 200), x.kind,
            left(COALESCE(p.upstream_model, ''), 200), left(COALESCE(p.deployment, ''), 200),
            COALESCE(p.guardrails, '[]'), COALESCE(p.input_tokens, 0),
            COALESCE(p.output_tokens, 0), COALESCE(p.cached_tokens, 0),
            COALESCE(p.reasoning_tokens, 0), p.cost_usd, p.reported_cost_usd, p.factor,
            p.factor_version, COALESCE(NULLIF(p.price_version, ''), p.own_price_version),
            p.amount, p.charge, p.charges, p.caps, p.outcome, p.status_code,
            left(COALESCE(p.error_code, ''), 64), COALESCE(p.is_estimated, false), false, false,
            p.latency_ms, p.first_token_ms, p.fingerprint, clock_timestamp()
        FROM paid p
        CROSS JOIN LATERAL jsonb_to_record(p.context) AS x (
            product text, user_id uuid, member_id uuid, membership_id uuid, team_id uuid,
            organization_id uuid, key_id uuid, client_id uuid, agent_id uuid, connection_id uuid,
            tool text, llm text, kind text)
    )
    SELECT array_agg(p.ordinality::int), array_agg(p.charge), array_agg(p.charges),
        array_agg(p.amount), array_agg(p.sources), array_agg(p.cycle_id), array_agg(p.caps),
        array_agg(CASE WHEN jsonb_array_length(p.sources) = 1
            THEN (p.sources->0->>'wallet')::uuid END),
        array_agg(DISTINCT p.context->'labels') FILTER (WHERE p.context->'labels' <> '{}')
    INTO places, charged, charges, held, sources, cycles, caps, payers, named
    FROM paid p;

    IF named IS NOT NULL THEN
        INSERT INTO {schema}.credits_label (subject, text)
        SELECT DISTINCT ON (1) l.key::uuid, left(l.value, 254)
        FROM unnest(named) AS n (labels) CROSS JOIN jsonb_each_text(n.labels) AS l
        ORDER BY 1
        ON CONFLICT DO NOTHING;
    END IF;
END
$ledger$;
