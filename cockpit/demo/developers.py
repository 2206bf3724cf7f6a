"""Keys of the demo's developers, and logs of the calls that its history made with them."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from cockpit.demo.catalogue import CATALOGUE
from console.models import Membership, Team, VirtualKey
from console.services.key_settings import Budget, Limits
from console.services.keys import create_key, rotate_key
from core.audit.services import Actor
from core.credits.models import UsageEvent
from core.kit.clock import now
from core.kit.ids import uuid7
from core.tenancy.context import Account
from core.usage.keeping import keep_calls
from core.usage.models import CallLog

_NAMES = ("Laptop", "Nightly report", "Support bot", "Search index", "Prototype", "CI")
_LOGGED_DAYS = 30
_PRICES: dict[str, dict[str, Decimal]] = {entry["name"]: entry["prices"] for entry in CATALOGUE}
# Shares of a call's time, for the picture of its steps.
_STEPS = (
    ("principal", 0.0, 0.2),
    ("access", 0.2, 0.1),
    ("limits", 0.3, 0.4),
    ("input_guardrails", 0.7, 1.1),
    ("reserve", 1.8, 2.4),
)


def seed_keys(account: Account, *, actor: Actor) -> dict[UUID, VirtualKey]:
    """Give every developer in a team a key, and one team a service key; return them by place."""
    places: QuerySet[Membership] = Membership.objects.filter(team__isnull=False)
    keys: dict[UUID, VirtualKey] = {}
    for number, place in enumerate(places.select_related("member__user", "team", "organization")):
        limits = Limits()
        if number % 3 == 1:
            limits = Limits(
                llms=("gpt-5-mini", "claude-haiku-4-5"),
                requests_per_minute=120,
                budget=Budget(2_000_000_000, "month"),
            )
        keys[place.pk] = create_key(
            account=account,
            membership=place,
            name=_NAMES[number % len(_NAMES)],
            tags=("production",) if number % 2 else (),
            limits=limits,
            actor=actor,
        ).key
    team = Team.objects.order_by("name").first()
    if team is not None:
        made = create_key(
            account=account,
            team=team,
            name="Deployment pipeline",
            tags=("ci",),
            limits=Limits(
                requests_per_minute=600,
                tokens_per_minute=200_000,
                addresses=("10.0.0.0/8", "127.0.0.0/8"),
                budget=Budget(500_000_000, "day"),
            ),
            actor=actor,
        )
        rotate_key(account=account, key=made.key, overlap=timedelta(days=7), actor=actor)
    return keys


def seed_logs(*, account: str) -> int:
    """Write the logs of the history's calls of the last weeks; return how many."""
    chance = random.Random(f"{account}:logs")  # noqa: S311  not a secret
    events = UsageEvent.objects.filter(
        product="console", created_at__gte=now() - timedelta(days=_LOGGED_DAYS)
    )
    made = [(_log(event, chance), None) for event in events.order_by("created_at")]
    if made:
        refused = chance.sample(made, k=min(len(made), 12))
        made += [(_refused(log, chance), None) for log, _ in refused]
    for key_id, last in _last_uses(log for log, _ in made).items():
        VirtualKey.objects.filter(pk=key_id).update(last_used_at=last)
    return keep_calls(made)


def _last_uses(logs: Iterable[CallLog]) -> dict[UUID, datetime]:
    return {log.key_id: log.began_at for log in logs if log.key_id is not None}


def _log(event: UsageEvent, chance: random.Random) -> CallLog:
    latency = event.latency_ms or 1_000
    steps: list[dict[str, Any]] = [
        {"step": step, "at": at, "ms": round(ms * chance.uniform(0.7, 1.8), 2)}
        for step, at, ms in _STEPS
    ]
    steps.append({"step": "provider", "at": 4.4, "ms": latency - 8.0})
    steps.append({"step": "settle", "at": latency - 3.5, "ms": 3.1})
    return CallLog(
        request_id=event.pk,
        began_at=event.created_at - timedelta(milliseconds=latency),
        product=event.product,
        user_id=event.user_id,
        member_id=event.member_id,
        membership_id=event.membership_id,
        team_id=event.team_id,
        organization_id=event.organization_id,
        key_id=event.key_id,
        llm=event.llm,
        kind=event.kind,
        is_stream=chance.random() < 0.6,
        is_demo=True,
        outcome=event.outcome,
        status_code=event.status_code or 200,
        error_code=event.error_code,
        error="The provider could not answer." if event.error_code else "",
        latency_ms=latency,
        first_token_ms=event.first_token_ms,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        credits=event.credits,
        cost_usd=event.cost_usd,
        deployment=event.deployment,
        upstream_model=event.upstream_model,
        steps=steps,
        price=_price(event),
        guardrails=event.guardrails,
        tried=[event.deployment],
    )


def _price(event: UsageEvent) -> dict[str, str]:
    row = _PRICES.get(event.llm, {})
    return {
        "version": event.price_version,
        **{name.removesuffix("_usd"): f"{usd.normalize():f}" for name, usd in row.items()},
        "credit_factor": f"{event.factor.normalize():f}",
    }


def _refused(log: CallLog, chance: random.Random) -> CallLog:
    """Return a call of the same caller, a moment later, that its key's rate refused."""
    return CallLog(
        request_id=uuid7(),
        began_at=log.began_at + timedelta(seconds=chance.randint(1, 40)),
        product=log.product,
        user_id=log.user_id,
        member_id=log.member_id,
        membership_id=log.membership_id,
        team_id=log.team_id,
        organization_id=log.organization_id,
        key_id=log.key_id,
        llm=log.llm,
        kind="chat",
        is_demo=True,
        outcome="error",
        status_code=429,
        error_code="rate_limit_exceeded",
        error="The key may use 120 requests a minute, and they are used up.",
        latency_ms=1,
        credits=0,
        cost_usd=Decimal(0),
        steps=[{"step": "access", "at": 0.0, "ms": 0.3}, {"step": "limits", "at": 0.3, "ms": 0.5}],
    )
