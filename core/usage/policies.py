"""What a product keeps of its calls: read, and changed by an account admin."""

from dataclasses import dataclass

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.kit.problems import InvalidInput, NotAllowed
from core.tenancy.jobs import enqueue_on_commit
from core.tenancy.policy import bump_policy
from core.usage.models import ContentPolicy, Keep

CONTENT_POLICY_SET = verbs.register(
    "content_policy.set",
    "{actor} decided to keep {after[keep]} of calls for {after[days]} days",
    icon="policy",
)
DEFAULT_KEEP, DEFAULT_DAYS = Keep.METADATA, 30
MOST_DAYS = 365
WITH_CONTENT = frozenset({Keep.REDACTED, Keep.FULL})


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a product's calls, and for how many days."""

    keep: str = DEFAULT_KEEP
    days: int = DEFAULT_DAYS

    @property
    def has_content(self) -> bool:
        """Whether what was said is kept at all."""
        return self.keep in WITH_CONTENT


DEFAULT = Kept()


def content_policies() -> dict[str, Kept]:
    """Return the policy of each product that has decided on one."""
    return {
        policy.product: Kept(policy.keep, policy.days) for policy in ContentPolicy.objects.all()
    }


def content_policy(product: str) -> Kept:
    """Return what a product keeps; metadata for 30 days until somebody decides."""
    return content_policies().get(product, DEFAULT)


@transaction.atomic
def set_content_policy(
    *, product: str, keep: str, days: int, may_keep_content: bool, reason: str = "", actor: Actor
) -> Kept:
    """Keep so much of a product's calls from now on. What is no longer kept is deleted at once.

    Raises:
        InvalidInput: there is no such choice, or the days are out of range.
        NotAllowed: the super admin withholds content logging from the account.
    """
    if keep not in Keep.values:
        raise _invalid("keep", "Choose what to keep.")
    if not 1 <= days <= MOST_DAYS:
        raise _invalid("days", f"Keep it for 1 to {MOST_DAYS} days.")
    if keep in WITH_CONTENT and not may_keep_content:
        raise NotAllowed("Your plan does not include content logging. Ask a super admin.")
    before = content_policy(product)
    ContentPolicy.objects.update_or_create(product=product, defaults={"keep": keep, "days": days})
    after = Kept(keep, days)
    if after != before:
        record(
            actor=actor,
            verb=CONTENT_POLICY_SET,
            target=("content_policy", product, product.title()),
            before={"keep": before.keep, "days": before.days},
            after={"keep": keep, "days": days},
            reason=reason,
            product=product,
        )
        bump_policy()
        enqueue_on_commit("usage.forget_calls")
    return after


def _invalid(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[{"pointer": f"/{field}", "code": field, "detail": detail}])
