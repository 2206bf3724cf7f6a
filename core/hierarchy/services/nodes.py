"""Setting up a product, and every write of organizations and teams.

A node gets its wallet when it is created, and keeps it for good: credits of an archived node stay
in its history.
"""

from typing import Any, TypeVar

from django.db import transaction

from core.audit.services import Actor, record
from core.credits.models import Book, WalletKind
from core.credits.services.books import create_wallet, open_book
from core.credits.services.joining import reclaim_from_leaver, serve_joiner
from core.hierarchy import verbs
from core.hierarchy.errors import StillInUse
from core.hierarchy.models import AbstractOrganization, AbstractTeam, Node
from core.hierarchy.product import Product
from core.hierarchy.services.administrators import (
    resume_administrators,
    suspend_administrators,
)
from core.hierarchy.services.rows import (
    archive,
    hold,
    memberships_of,
    refuse_archived,
    refuse_global,
    save_named,
)
from core.kit.problems import InvalidInput
from core.tenancy.policy import bump_policy

GLOBAL_NAME = "global"

NamedT = TypeVar("NamedT", bound=AbstractOrganization | AbstractTeam)


@transaction.atomic
def set_up_product(*, product: Product, actor: Actor, time_zone: str = "UTC") -> Book:
    """Open a product in a new account: its book and its `global` organization."""
    book = open_book(product=product.slug, time_zone=time_zone, actor=actor)
    product.organization._default_manager.create(name=GLOBAL_NAME, is_global=True)
    return book


@transaction.atomic
def create_organization(*, product: Product, name: str, actor: Actor) -> AbstractOrganization:
    """Create an organization with a wallet below Unallocated.

    Raises:
        NameTaken: another organization has the name.
    """
    book = Book.objects.get(product=product.slug)
    wallet = create_wallet(book=book, kind=WalletKind.ORGANIZATION, parent=None)
    node = product.organization(name=_checked_name(name), wallet=wallet)
    return _created(node, product=product, actor=actor)


@transaction.atomic
def create_team(
    *, product: Product, organization: AbstractOrganization, name: str, actor: Actor
) -> AbstractTeam:
    """Create a team in an organization, with a wallet below the organization's.

    Raises:
        NameTaken: another team of the organization has the name.
        GlobalIsFixed: `global` has no teams of its own.
    """
    hold(organization)
    refuse_global(organization)
    refuse_archived(organization)
    assert organization.wallet is not None
    wallet = create_wallet(
        book=organization.wallet.book, kind=WalletKind.TEAM, parent=organization.wallet
    )
    team: Any = product.team
    node: AbstractTeam = team(name=_checked_name(name), wallet=wallet, organization=organization)
    return _created(node, product=product, actor=actor)


@transaction.atomic
def rename_node(*, product: Product, node: Node, name: str, actor: Actor) -> None:
    """Give an organization or a team another name.

    Raises:
        NameTaken: a sibling has the name.
        GlobalIsFixed: it is `global`.
    """
    assert isinstance(node, AbstractOrganization | AbstractTeam)
    if isinstance(node, AbstractOrganization):
        refuse_global(node)
    before, node.name = node.name, _checked_name(name)
    if before == node.name:
        return
    save_named(node, update_fields=("name",))
    record(
        actor=actor,
        verb=verbs.RENAMED[_kind(node)],
        target=(_kind(node), node.pk, node.name),
        before={"name": before},
        after={"name": node.name},
        product=product.slug,
    )


@transaction.atomic
def archive_node(*, product: Product, node: Node, reason: str = "", actor: Actor) -> None:
    """Take an organization or a team out of use; its history stays.

    Nobody administers it until it is restored. What is free in its wallet goes back to where it
    came from.

    Raises:
        StillInUse: it still has teams or members.
        GlobalIsFixed: it is `global`.
    """
    hold(node)
    if isinstance(node, AbstractOrganization):
        refuse_global(node)
        teams: Any = product.team._default_manager
        if teams.filter(organization=node, archived_at=None).exists():
            raise StillInUse("Archive its teams first.")
        place: dict[str, Node] = {"organization": node}
    else:
        assert isinstance(node, AbstractTeam)
        place = {"team": node}
    places = memberships_of(product).filter(**place, archived_at=None)
    # An archived member's place does not count: the seat it belongs to is gone.
    if places.filter(member__archived_at=None).exists():
        raise StillInUse("Remove its members first.")
    wallet: Any = node.wallet
    reclaim_from_leaver(wallet=wallet, actor=actor, label=node.name, nodes=(node.pk,))
    archive(node, kind=_kind(node), product=product, reason=reason, actor=actor)
    suspend_administrators(node)


@transaction.atomic
def restore_node(*, product: Product, node: Node, actor: Actor) -> None:
    """Bring an archived organization or team back, and who was appointed to administer it.

    Raises:
        NameTaken: a sibling has taken the name since.
        IsArchived: the team's organization is archived.
    """
    assert isinstance(node, AbstractOrganization | AbstractTeam)
    if isinstance(node, AbstractTeam):
        refuse_archived(node.organization)  # type: ignore[attr-defined]
    node.archived_at = None
    save_named(node, update_fields=("archived_at",))
    resume_administrators(node)
    _serve(node, actor=actor)
    record(
        actor=actor,
        verb=verbs.RESTORED[_kind(node)],
        target=(_kind(node), node.pk, str(node)),
        product=product.slug,
    )
    bump_policy()


def _created(node: NamedT, *, product: Product, actor: Actor) -> NamedT:
    save_named(node)
    _serve(node, actor=actor)
    kind = _kind(node)
    record(
        actor=actor,
        verb=verbs.CREATED[kind],
        target=(kind, node.pk, node.name),
        product=product.slug,
    )
    bump_policy()
    return node


def _serve(node: Node, *, actor: Actor) -> None:
    """Give an organization or a team its share of the split in force for its level."""
    assert isinstance(node, AbstractOrganization | AbstractTeam)
    wallet: Any = node.wallet
    serve_joiner(wallet=wallet, actor=actor, label=node.name, nodes=(node.pk,))


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise InvalidInput(
            "Enter a name of 1 to 120 characters.",
            errors=[{"pointer": "/name", "code": "name", "detail": "1 to 120 characters."}],
        )
    return name


def _kind(node: Node) -> str:
    return "organization" if isinstance(node, AbstractOrganization) else "team"
