"""Every write of virtual keys: create, change, rotate, revoke.

Anybody with a seat in Console manages their own keys; who may `manage_keys` also those of others
and the service keys of teams, as far as their scope reaches.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from console.errors import KeyRevoked
from console.models import Membership, Team, VirtualKey
from console.product import PRODUCT
from console.selectors.budgets import caps_of_key
from console.selectors.keys import MANAGE_ALL
from console.services.key_settings import (
    NO_LIMITS,
    Budget,
    Limits,
    as_fields,
    checked_expiry,
    checked_limits,
    checked_name,
    checked_tags,
    invalid,
    limits_of,
)
from core.access.errors import FeatureOff
from core.access.permissions import may
from core.access.selectors import access_of
from core.access.words import change_in_words, reason_in_words, who_can_help
from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.services.capping import remove_cap, set_cap
from core.hierarchy.errors import IsArchived
from core.hierarchy.policies import path_of
from core.kit.clock import now
from core.kit.money import format_credits
from core.kit.secrets import keyed_hash, random_token
from core.tenancy.context import Account
from core.tenancy.policy import bump_policy
from tenants.selectors import withheld_features

KEY_PREFIX = "ck"
_PERSONAL_KEYS = "personal_keys"
# Longer, and the token before would hardly be one that is on its way out.
LONGEST_OVERLAP = timedelta(days=30)

KEY_CREATED = verbs.register(
    "key.created", "{actor} created the key {target} for {after[member]}", icon="key"
)
KEY_CHANGED = verbs.register("key.changed", "{actor} changed the key {target}", icon="edit")
KEY_RENAMED = verbs.register(
    "key.renamed", "{actor} renamed the key {before[name]} to {after[name]}", icon="edit"
)
KEY_ROTATED = verbs.register(
    "key.rotated", "{actor} rotated the key {target} of {before[member]}", icon="autorenew"
)
KEY_REVOKED = verbs.register(
    "key.revoked", "{actor} revoked the key {target} of {before[member]}", icon="key_off"
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
    membership: Membership | None = None,
    team: Team | None = None,
    name: str,
    expires_at: datetime | None = None,
    tags: tuple[str, ...] = (),
    limits: Limits = NO_LIMITS,
    actor: Actor,
) -> NewKey:
    """Make a virtual key that acts from a membership, or from a team, and is paid from its wallet.

    Raises:
        InvalidInput: the name, the expiry, a tag or a limit cannot be.
        IsArchived: the membership, its member or the team is archived.
        FeatureOff: it is for the actor's own calls, and personal keys are off for them.
    """
    assert (membership is None) != (team is None), "A key has one owner."
    if membership is not None:
        _need_active_member(account, membership, actor)
    elif team is not None and team.is_archived:
        raise IsArchived("Keys belong to active teams. Restore the team first.")
    limits = checked_limits(limits)
    token = _new_token(account)
    key = VirtualKey.objects.create(
        membership=membership,
        team=team,
        name=checked_name(name),
        token_hash=hash_of(token),
        last_four=token[-4:],
        created_by=actor.label,
        expires_at=checked_expiry(expires_at),
        tags=checked_tags(tags),
        **as_fields(limits),
    )
    after = {"member": key.owner, "place": str(membership or team), "last_four": key.last_four}
    _set_budget(key, limits.budget, actor)
    _record(KEY_CREATED, key, actor, after={**after, **_in_words(limits)})
    return NewKey(key, token)


def _need_active_member(account: Account, membership: Membership, actor: Actor) -> None:
    if actor.id == str(membership.member.user_id):
        _need_personal_keys(account, membership)
    if membership.is_archived or membership.member.is_archived:
        raise IsArchived("Keys belong to active members. Restore the member first.")


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
def change_key(
    *,
    key: VirtualKey,
    name: str,
    expires_at: datetime | None,
    tags: tuple[str, ...],
    limits: Limits,
    actor: Actor,
) -> VirtualKey:
    """Give a key another name, last day, other tags and limits. They hold from the next call on.

    Raises:
        InvalidInput: one of them cannot be.
        KeyRevoked: the key is revoked.
    """
    key = _locked(key)
    before, before_name = _state(key, limits_of(key)), key.name
    limits = checked_limits(limits)
    if expires_at != key.expires_at:
        key.expires_at = checked_expiry(expires_at)
    key.name, key.tags = checked_name(name), checked_tags(tags)
    for field, value in as_fields(limits).items():
        setattr(key, field, value)
    after = _state(key, limits)
    changed = {field for field in after if after[field] != before[field]}
    if not changed:
        return key
    key.save()
    _set_budget(key, limits.budget, actor)
    if changed == {"name"}:
        _record(KEY_RENAMED, key, actor, before={"name": before_name}, after={"name": key.name})
        return key
    _record(
        KEY_CHANGED,
        key,
        actor,
        before={field: before[field] for field in changed},
        after={field: after[field] for field in changed},
    )
    bump_policy()
    return key


@transaction.atomic
def rotate_key(
    *, account: Account, key: VirtualKey, overlap: timedelta = timedelta(0), actor: Actor
) -> NewKey:
    """Give a key a new token. The one before is good for the overlap, and the one before it is not.

    Raises:
        InvalidInput: the overlap is negative or too long.
        KeyRevoked: the key is revoked.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise invalid("overlap", f"Choose an overlap of at most {LONGEST_OVERLAP.days} days.")
    key = _locked(key)
    token = _new_token(account)
    before = {"member": key.owner, "last_four": key.last_four}
    moment = now()
    if overlap:
        key.previous_hash, key.previous_last_four = key.token_hash, key.last_four
        key.previous_ends_at, key.previous_used_at = moment + overlap, key.last_used_at
    else:
        _forget_previous(key)
    key.token_hash, key.last_four, key.rotated_at = hash_of(token), token[-4:], moment
    key.save()
    after = {"last_four": key.last_four, "both_until": key.previous_ends_at}
    _record(KEY_ROTATED, key, actor, before=before, after=after)
    bump_policy()
    return NewKey(key, token)


@transaction.atomic
def end_overlap(*, key: VirtualKey, actor: Actor) -> VirtualKey:
    """Refuse the token before the last rotation from now on.

    Raises:
        KeyRevoked: the key is revoked.
    """
    key = _locked(key)
    if key.previous_hash is None:
        return key
    before = {"previous_last_four": key.previous_last_four}
    _forget_previous(key)
    key.save()
    _record(KEY_CHANGED, key, actor, before=before, after={"previous_last_four": None})
    bump_policy()
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
    _record(KEY_REVOKED, key, actor, before={"member": key.owner}, reason=reason)
    bump_policy()
    return key


def note_key_use(*, key_id: UUID, is_previous: bool = False) -> None:
    """Remember that a key was just used, at most once a minute. Not an act of anybody's."""
    moment = now()
    field = "previous_used_at" if is_previous else "last_used_at"
    stale = Q(**{field: None}) | Q(**{f"{field}__lt": moment - timedelta(minutes=1)})
    VirtualKey.objects.filter(stale, pk=key_id).update(**{field: moment})


def hash_of(token: str) -> str:
    """Return what we store of a key's token."""
    return keyed_hash(token, pepper=settings.TOKEN_PEPPER)


def _new_token(account: Account) -> str:
    return f"{KEY_PREFIX}_{account.slug}_{random_token(40)}"


def _forget_previous(key: VirtualKey) -> None:
    key.previous_hash = key.previous_ends_at = key.previous_used_at = None
    key.previous_last_four = ""


def _locked(key: VirtualKey) -> VirtualKey:
    rows = VirtualKey.objects.select_for_update(of=("self",)).select_related(
        "membership__member__user",
        "membership__team",
        "membership__organization",
        "team__organization",
    )
    key = rows.get(pk=key.pk)
    if key.revoked_at is not None:
        raise KeyRevoked(f"{key} was revoked. Create a new key.")
    return key


def _set_budget(key: VirtualKey, budget: Budget | None, actor: Actor) -> None:
    """Let the key's cap be what the budget says, and no other."""
    book, caps = caps_of_key(key.pk)
    about: dict[str, Any] = {"actor": actor, "label": key.name, "nodes": _nodes(key)}
    for cap in caps:
        if budget is None or cap.window != budget.window:
            remove_cap(cap=cap, **about)
    if budget is not None:
        set_cap(book=book, subject=key.pk, window=budget.window, amount=budget.amount, **about)


def _state(key: VirtualKey, limits: Limits) -> dict[str, Any]:
    return {
        "name": key.name,
        "tags": list(key.tags),
        "expires_at": key.expires_at,
        **_in_words(limits, with_none=True),
    }


def _in_words(limits: Limits, *, with_none: bool = False) -> dict[str, Any]:
    """Return limits as an audit entry keeps them."""
    budget = limits.budget
    found = {
        **as_fields(limits),
        "budget": None if budget is None else f"{format_credits(budget.amount)} a {budget.window}",
    }
    return {name: value for name, value in found.items() if with_none or value is not None}


def _nodes(key: VirtualKey) -> tuple[UUID, ...]:
    place = key.membership
    if place is not None:
        return (place.team_id or place.organization_id,)
    assert key.team_id is not None
    return (key.team_id,)


def _record(verb: str, key: VirtualKey, actor: Actor, **values: Any) -> None:
    target = ("key", key.pk, key.name)
    record(actor=actor, verb=verb, target=target, product="console", nodes=_nodes(key), **values)
