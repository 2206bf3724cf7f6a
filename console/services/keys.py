"""Every write of virtual keys: create, rename, revoke.

Anybody with a seat in Console manages their own keys; who may `manage_keys` also those of others.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy as _

from console.errors import KeyRevoked
from console.models import Membership, VirtualKey
from console.product import PRODUCT
from console.selectors.keys import MANAGE_ALL
from core.access.errors import FeatureOff
from core.access.permissions import may
from core.access.selectors import access_of
from core.access.words import change_in_words, reason_in_words, who_can_help
from core.audit import verbs
from core.audit.services import Actor, record
from core.hierarchy.errors import IsArchived
from core.hierarchy.policies import path_of
from core.kit.clock import now
from core.kit.problems import InvalidInput
from core.kit.secrets import keyed_hash, random_token
from core.notifications import kinds
from core.notifications.services import notify
from core.tenancy.context import Account
from core.tenancy.policy import bump_policy
from tenants.selectors import withheld_features

KEY_PREFIX = "ck"
_PERSONAL_KEYS = "personal_keys"

KEY_CREATED = verbs.register(
    "key.created", "{actor} created the key {target} for {after[member]}", icon="key"
)
KEY_RENAMED = verbs.register(
    "key.renamed", "{actor} renamed the key {before[name]} to {after[name]}", icon="edit"
)
KEY_REVOKED = verbs.register(
    "key.revoked", "{actor} revoked the key {target} of {before[member]}", icon="key_off"
)

# Enough time to put a new key wherever the old one is used.
WARNED_DAYS = 7
KEY_EXPIRES = kinds.register(
    "key.expires",
    label=_("One of your virtual keys is about to expire"),
    sentence=_("Your key {key} expires on {day}. Create a new one in time."),
    icon="key",
    tone="warn",
    by_mail=True,
)


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key with its token, which is not stored and shown only now."""

    key: VirtualKey
    token: str

    def __repr__(self) -> str:
        return f"NewKey({self.key.pk}, …)"


@transaction.atomic
def create_key(
    *,
    account: Account,
    membership: Membership,
    name: str,
    expires_at: datetime | None = None,
    actor: Actor,
) -> NewKey:
    """Make a virtual key that acts from a membership and is paid from its wallet.

    Raises:
        InvalidInput: the name is empty or too long, or the expiry is in the past.
        IsArchived: the membership or its member is archived.
        FeatureOff: it is for the actor's own calls, and personal keys are off for them.
    """
    if actor.id == str(membership.member.user_id):
        _need_personal_keys(account, membership)
    if membership.is_archived or membership.member.is_archived:
        raise IsArchived("Keys belong to active members. Restore the member first.")
    if expires_at is not None and expires_at <= now():
        raise _invalid("expires_at", "The expiry must be in the future.")
    token = f"{KEY_PREFIX}_{account.slug}_{random_token(40)}"
    key = VirtualKey.objects.create(
        membership=membership,
        name=_checked_name(name),
        token_hash=hash_of(token),
        last_four=token[-4:],
        created_by=actor.label,
        expires_at=expires_at,
    )
    after = {"member": str(membership.member), "place": str(membership), "last_four": key.last_four}
    _record(KEY_CREATED, key, actor, after=after)
    return NewKey(key, token)


def _need_personal_keys(account: Account, membership: Membership) -> None:
    """Pass whoever manages everybody's keys, and those for whom the feature is on."""
    if may(membership.member.user, MANAGE_ALL):
        return
    path = path_of(PRODUCT, membership)
    access = access_of(
        PRODUCT.slug,
        offered=(),
        withheld=withheld_features(account.id, PRODUCT.slug),
        nodes=(node.id for node in path),
    )
    decision = access.why_feature(_PERSONAL_KEYS, path)
    assert decision is not None
    if not decision.is_allowed:
        what = gettext("Personal keys")
        raise FeatureOff(
            f"{reason_in_words(decision, what)}. {change_in_words(decision.flip[0], what)}, or ask "
            f"an {who_can_help(decision)}.",
            feature=_PERSONAL_KEYS,
        )


@transaction.atomic
def rename_key(*, key: VirtualKey, name: str, actor: Actor) -> VirtualKey:
    """Change the name that people see.

    Raises:
        InvalidInput: the name is empty or too long.
        KeyRevoked: the key is revoked.
    """
    key = _locked(key)
    before, key.name = key.name, _checked_name(name)
    key.save(update_fields=("name",))
    _record(KEY_RENAMED, key, actor, before={"name": before}, after={"name": key.name})
    return key


@transaction.atomic
def revoke_key(*, key: VirtualKey, reason: str = "", actor: Actor) -> VirtualKey:
    """Refuse a key from now on, running streams included; what it spent stays in the books.

    Raises:
        KeyRevoked: it is revoked already.
    """
    key = _locked(key)
    key.revoked_at = now()
    key.save(update_fields=("revoked_at",))
    before = {"member": str(key.membership.member)}
    _record(KEY_REVOKED, key, actor, before=before, reason=reason)
    bump_policy()
    return key


def note_key_use(*, key_id: UUID) -> None:
    """Remember that a key was just used, at most once a minute. Not an act of anybody's."""
    moment = now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=moment - timedelta(minutes=1))
    VirtualKey.objects.filter(stale, pk=key_id).update(last_used_at=moment)


def warn_of_expiring_keys() -> int:
    """Tell the owners of keys that expire within a week, once for each; return how many."""
    moment = now()
    keys = VirtualKey.objects.filter(
        revoked_at=None,
        expires_at__gt=moment,
        expires_at__lte=moment + timedelta(days=WARNED_DAYS),
        membership__archived_at=None,
        membership__member__archived_at=None,
    )
    told = 0
    for key in keys.select_related("membership__member__user"):
        assert key.expires_at is not None
        told += len(
            notify(
                users=[key.membership.member.user],
                kind=KEY_EXPIRES,
                params={"key": key.name, "day": f"{key.expires_at:%d %B %Y}"},
                link="/console/keys/",
                product="console",
                dedup_key=f"key-expires:{key.pk}:{key.expires_at:%Y-%m-%d}",
            )
        )
    return told


def hash_of(token: str) -> str:
    """Return what we store of a key's token."""
    return keyed_hash(token, pepper=settings.TOKEN_PEPPER)


def _locked(key: VirtualKey) -> VirtualKey:
    rows = VirtualKey.objects.select_for_update(of=("self",)).select_related("membership__member")
    key = rows.get(pk=key.pk)
    if key.revoked_at is not None:
        raise KeyRevoked(f"{key} was revoked. Create a new key.")
    return key


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise _invalid("name", "Enter a name of 1 to 120 characters.")
    return name


def _invalid(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[{"pointer": f"/{field}", "code": field, "detail": detail}])


def _record(verb: str, key: VirtualKey, actor: Actor, **values: Any) -> None:
    target = ("key", key.pk, key.name)
    place = key.membership
    nodes = (place.team_id or place.organization_id,)
    record(actor=actor, verb=verb, target=target, product="console", nodes=nodes, **values)
