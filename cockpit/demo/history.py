"""Some weeks of believable calls, through the ledger's own reserve and settle."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet

from core.audit.services import Actor
from core.credits import charging
from core.credits.cycles import first_moment
from core.credits.messages import CallContext, ReserveRequest, SettleRequest
from core.credits.models import Book, Cycle, Plan, UsageEvent
from core.credits.services import renewing
from core.hierarchy.product import Product
from core.kit.clock import now
from core.kit.ids import uuid7
from core.kit.money import credits_for

# Always over the first of a month, so that there is a cycle to look back at.
DAYS = 40
_COST_PER_CALL = {
    "gpt-5": 0.021,
    "gpt-5-mini": 0.004,
    "claude-sonnet-4-5": 0.034,
    "claude-haiku-4-5": 0.009,
}
_SHARE_OF_ERRORS = 0.03


def seed_history(
    product: Product,
    *,
    account: str,
    factor: Decimal,
    llms: tuple[str, ...],
    is_heavy: bool,
    keys: Mapping[UUID, Any] | None = None,
) -> int:
    """Make about twelve calls a working day of the last weeks; return how many.

    The calls are charged like any others, those before this month to the cycle of then, which is
    renewed as any other that is overdue. Only times are moved back: of the calls, of the first
    cycle and of its plan. The append-only trigger admits that for this transaction alone. With
    `is_heavy`, last month's credits are all used, and most of the overflow. `keys` are what places
    call with.
    """
    chance = random.Random(f"{account}:{product.slug}")  # noqa: S311  not a secret
    memberships: QuerySet[Any] = product.membership._default_manager.all()
    in_teams = memberships.filter(team__isnull=False)
    places = list(in_teams.select_related("member__user", "team", "organization"))
    chat = [name for name in llms if name in _COST_PER_CALL]
    book = Book.objects.get(product=product.slug)
    month = _month_begins(book)

    def make(moments: list[datetime], *, cost: Decimal | None = None) -> int:
        made = []
        for moment in moments:
            request_id = _call(
                product,
                chance.choice(places),
                chance.choice(chat),
                factor,
                chance,
                cost=cost,
                keys=keys or {},
            )
            if request_id is not None:
                made.append((moment, request_id))
        _move_back(made)
        return len(made)

    moments = _moments(chance)
    earlier = [moment for moment in moments if moment < month]
    count = make(earlier)
    if is_heavy:
        count += make(earlier * 3, cost=Decimal("0.1"))
    _end_first_cycle(book, month)
    renewing.renew_book(book=book, actor=Actor.system("Demo"))
    return count + make([moment for moment in moments if moment >= month])


def _call(
    product: Product,
    place: Any,
    llm: str,
    factor: Decimal,
    chance: random.Random,
    *,
    cost: Decimal | None = None,
    keys: Mapping[UUID, Any],
) -> UUID | None:
    """Make one call that costs about what its LLM's calls do; None if credits are short."""
    cost = cost or Decimal(f"{_COST_PER_CALL[llm] * chance.uniform(0.3, 2.5):.8f}")
    failed = chance.random() < _SHARE_OF_ERRORS
    key = keys.get(place.pk)
    request = ReserveRequest(
        request_id=uuid7(),
        wallet_id=place.wallet_id,
        amount=credits_for(cost * 2, factor),
        factor=factor,
        factor_version=1,
        price_version="1",
        fingerprint="demo",
        ttl_seconds=600,
        dispatch=True,
        context=CallContext(
            product=product.slug,
            user_id=place.member.user_id,
            member_id=place.member_id,
            membership_id=place.pk,
            team_id=place.team_id,
            organization_id=place.organization_id,
            key_id=key.pk if key is not None else None,
            llm=llm,
            kind="chat",
            labels={
                str(place.member_id): str(place.member.user),
                str(place.team_id): place.team.name,
                str(place.organization_id): place.organization.name,
                **({str(key.pk): key.name} if key is not None else {}),
            },
        ),
    )
    if charging.reserve(request).outcome != "reserved":
        return None
    charging.settle(
        SettleRequest(
            request_id=request.request_id,
            cost_usd=Decimal(0) if failed else cost,
            input_tokens=chance.randint(200, 6_000),
            output_tokens=0 if failed else chance.randint(80, 1_500),
            outcome="error" if failed else "ok",
            status_code=502 if failed else 200,
            error_code="upstream_failed" if failed else "",
            upstream_model=llm,
            deployment="demo",
            latency_ms=chance.randint(600, 9_000),
            first_token_ms=chance.randint(150, 900),
        )
    )
    return request.request_id


def _move_back(made: list[tuple[datetime, UUID]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL cockpit.purge = 'on'")
        cursor.executemany(
            f"UPDATE {UsageEvent._meta.db_table} SET created_at = %s WHERE id = %s",  # noqa: S608
            made,
        )
        cursor.execute("SET LOCAL cockpit.purge = 'off'")


def _end_first_cycle(book: Book, end: datetime) -> None:
    first = (now() - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    Cycle.objects.filter(book=book, number=1).update(starts_at=first, ends_at=end)
    Plan.objects.filter(book=book, version=1).update(effective_from=first)


def _month_begins(book: Book) -> datetime:
    zone = ZoneInfo(book.time_zone)
    return first_moment(now().astimezone(zone).date().replace(day=1), zone)


def _moments(chance: random.Random) -> list[datetime]:
    moments = []
    for back in range(DAYS, -1, -1):
        day = now() - timedelta(days=back)
        calls = chance.randint(8, 18) if day.weekday() < 5 else chance.randint(0, 4)
        for _ in range(calls):
            at = day.replace(hour=chance.randint(7, 18), minute=chance.randint(0, 59))
            if at < now():
                moments.append(at)
    return sorted(moments)
