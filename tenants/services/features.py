"""Which features an account has: the ceiling that its admins cannot pass."""

from collections.abc import Collection

from django.db import transaction

from core.access.errors import UnknownFeature
from core.access.features import features_of
from core.audit import verbs
from core.audit.services import Actor, record
from core.hierarchy.product import product_named
from core.kit.problems import ChangedMeanwhile
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from tenants.models import Account, WithheldFeature

FEATURES_CHANGED = verbs.register(
    "account.features_changed",
    "{actor} changed which features {target} has in {after[product]}: {after[change]}",
    icon="toggle_on",
)


@transaction.atomic
def set_features(
    *,
    account: Account,
    product: str,
    features: Collection[str],
    seen: Collection[str] | None = None,
    actor: Actor,
) -> tuple[int, int]:
    """Let a product of an account have exactly these features; return how many came and went.

    `seen` are those that it had when the actor looked; None does not compare.

    Raises:
        ChangedMeanwhile: it has others by now.
        UnknownFeature: the product has no feature of one of the keys.
    """
    titles = {feature.key: str(feature.title) for feature in features_of(product)}
    unknown = sorted(set(features) - titles.keys())
    if unknown:
        raise UnknownFeature(f"{product.title()} has no feature {unknown[0]!r}.")
    Account.objects.select_for_update().get(pk=account.pk)
    rows = WithheldFeature.objects.filter(account=account, product=product)
    before = set(rows.values_list("feature", flat=True)) & titles.keys()
    if seen is not None and titles.keys() - before != set(seen):
        raise ChangedMeanwhile("Somebody has changed since which features this account has.")
    after = titles.keys() - set(features)
    given, taken = before - after, after - before
    if not given and not taken:
        return 0, 0
    rows.filter(feature__in=given).delete()
    WithheldFeature.objects.bulk_create(
        WithheldFeature(account=account, product=product, feature=key) for key in taken
    )
    record(
        actor=actor,
        verb=FEATURES_CHANGED,
        target=("account", account.pk, account.name),
        after={
            "product": product_named(product).title,
            "change": _in_words(
                [titles[key] for key in sorted(given)], [titles[key] for key in sorted(taken)]
            ),
        },
    )
    with in_account(account):
        bump_policy()
    return len(given), len(taken)


def _in_words(given: list[str], taken: list[str]) -> str:
    parts = [
        f"{verb} {', '.join(names)}" for verb, names in (("gave", given), ("took", taken)) if names
    ]
    return "; ".join(parts)
