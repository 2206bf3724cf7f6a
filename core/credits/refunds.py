"""What calls were charged and got back. A refund's event has the id of its act, which says why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.credits.models import Act, Book, Cycle, UsageEvent, Wallet
from core.kit.problems import NotFound


@dataclass(frozen=True, slots=True)
class ChargedCall:
    """A call that has ended: what it was charged in all, and what came back of that.

    `is_guess`: the sweep charged an estimate, and the settlement may still come.
    """

    id: UUID
    at: datetime
    llm: str
    nodes: tuple[UUID, ...]
    charged: int
    refunded: int
    is_guess: bool

    @property
    def left(self) -> int:
        """What can still be given back."""
        return self.charged - self.refunded


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund in micro-credits; of one wallet, as much as that wallet got."""

    id: UUID
    call: UUID
    at: datetime
    amount: int
    reason: str


def charged_call(book: Book, call_id: UUID) -> ChargedCall:
    """Return a call with what it was charged.

    Raises:
        NotFound: the book has no call of that id that has ended.
    """
    rows = UsageEvent.objects.filter(book_id=book.pk)
    events = list(rows.filter(Q(pk=call_id) | Q(corrects=call_id) | Q(refund_of=call_id)))
    call = next((event for event in events if event.pk == call_id), None)
    if call is None or call.corrects is not None or call.refund_of is not None:
        raise NotFound("No call of this id has ended.")
    place = call.team_id or call.organization_id
    return ChargedCall(
        id=call.pk,
        at=call.created_at,
        llm=call.llm,
        nodes=(place,) if place else (),
        charged=sum(event.credits for event in events if event.refund_of is None),
        refunded=-sum(event.credits for event in events if event.refund_of is not None),
        is_guess=call.is_unsettled and all(event.corrects is None for event in events),
    )


def refunds_of(call_id: UUID) -> list[Refund]:
    """Return the refunds of a call, the first one first."""
    events = list(UsageEvent.objects.filter(refund_of=call_id).order_by("created_at", "id"))
    return _told(events, {event.pk: -event.credits for event in events})


def refunds_into(wallet: Wallet, cycle: Cycle) -> list[Refund]:
    """Return what came back to a wallet in a cycle, the first one first."""
    events = list(
        UsageEvent.objects.filter(
            refund_of__isnull=False,
            cycle_id=cycle.pk,
            charges__contains=[{"wallet": str(wallet.pk)}],
        ).order_by("created_at", "id")
    )
    amounts = {
        event.pk: -sum(
            int(charge["amount"]) for charge in event.charges if charge["wallet"] == str(wallet.pk)
        )
        for event in events
    }
    return _told(events, amounts)


def _told(events: Iterable[UsageEvent], amounts: dict[UUID, int]) -> list[Refund]:
    reasons = dict(Act.objects.filter(pk__in=amounts).values_list("pk", "reason"))
    return [
        Refund(
            event.pk,
            event.refund_of,
            event.created_at,
            amounts[event.pk],
            reasons.get(event.pk, ""),
        )
        for event in events
        if event.refund_of is not None
    ]
