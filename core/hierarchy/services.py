"""Every write of organizations, teams, members and memberships, for both products.

A node gets its wallet when it is created, and keeps it for good: credits of an archived node stay
in its history.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.models import Book, WalletKind
from core.credits.services.books import create_wallet, open_book
from core.hierarchy.errors import AlreadyThere, GlobalIsFixed, IsArchived, NameTaken, StillInUse
from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
    Node,
)
from core.hierarchy.product import Product
from core.identity.models import Role, RoleAssignment, User
from core.identity.services import (
    InvitationLink,
    create_user,
    give_role,
    invite_user,
    take_role,
)
from core.kit.clock import now
from core.kit.problems import InvalidInput
from core.tenancy.policy import bump_policy

GLOBAL_NAME = "global"

NamedT = TypeVar("NamedT", bound=AbstractOrganization | AbstractTeam)


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A member that was just added, with the link to send to who cannot sign in yet."""

    member: AbstractMember
    link: InvitationLink | None


def _verbs(kinds: tuple[str, ...], act: str, sentence: str, icon: str) -> dict[str, str]:
    return {
        kind: verbs.register(f"{kind}.{act}", sentence.replace("KIND", kind), icon=icon)
        for kind in kinds
    }


CREATED = _verbs(
    ("organization", "team"), "created", "{actor} created the KIND {target}", "domain_add"
)
RENAMED = _verbs(
    ("organization", "team"),
    "renamed",
    "{actor} renamed the KIND {before[name]} to {after[name]}",
    "edit",
)
ARCHIVED = _verbs(
    ("organization", "team", "member"), "archived", "{actor} archived the KIND {target}", "archive"
)
RESTORED = _verbs(
    ("organization", "team", "member"), "restored", "{actor} restored the KIND {target}", "undo"
)
MEMBER_ADDED = verbs.register(
    "member.added", "{actor} gave {target} a seat in {after[product]}", icon="person_add"
)
PLACED = verbs.register(
    "membership.created", "{actor} added {target} to {after[place]}", icon="group_add"
)
UNPLACED = verbs.register(
    "membership.archived", "{actor} removed {target} from {before[place]}", icon="group_remove"
)
PRIMARY_SET = verbs.register(
    "membership.made_primary", "{actor} made {after[place]} the primary place of {target}"
)


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
    _refuse_global(organization)
    _refuse_archived(organization)
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
        _refuse_global(node)
    before, node.name = node.name, _checked_name(name)
    if before == node.name:
        return
    _save(node, update_fields=("name",))
    record(
        actor=actor,
        verb=RENAMED[_kind(node)],
        target=(_kind(node), node.pk, node.name),
        before={"name": before},
        after={"name": node.name},
        product=product.slug,
    )


@transaction.atomic
def archive_node(*, product: Product, node: Node, reason: str = "", actor: Actor) -> None:
    """Take an organization or a team out of use; its history stays.

    Raises:
        StillInUse: it still has teams or members.
        GlobalIsFixed: it is `global`.
    """
    if isinstance(node, AbstractOrganization):
        _refuse_global(node)
        teams: Any = product.team._default_manager
        if teams.filter(organization=node, archived_at=None).exists():
            raise StillInUse("Archive its teams first.")
        place: dict[str, Node] = {"organization": node}
    else:
        assert isinstance(node, AbstractTeam)
        place = {"team": node}
    places = _memberships(product).filter(**place, archived_at=None)
    # An archived member's place does not count: the seat it belongs to is gone.
    if places.filter(member__archived_at=None).exists():
        raise StillInUse("Remove its members first.")
    _archive(node, kind=_kind(node), product=product, reason=reason, actor=actor)


@transaction.atomic
def restore_node(*, product: Product, node: Node, actor: Actor) -> None:
    """Bring an archived organization or team back.

    Raises:
        NameTaken: a sibling has taken the name since.
        IsArchived: the team's organization is archived.
    """
    if isinstance(node, AbstractTeam):
        _refuse_archived(node.organization)  # type: ignore[attr-defined]
    node.archived_at = None
    _save(node, update_fields=("archived_at",))
    record(
        actor=actor,
        verb=RESTORED[_kind(node)],
        target=(_kind(node), node.pk, str(node)),
        product=product.slug,
    )
    bump_policy()


@transaction.atomic
def create_member(*, product: Product, user: User, actor: Actor) -> AbstractMember:
    """Give a user a seat in a product, under `global` until placed in a team.

    Raises:
        AlreadyThere: the user has a seat.
        IsArchived: the user had one; it can be restored.
    """
    seat = product.member._default_manager.filter(user=user).first()
    if seat is not None and seat.is_archived:
        raise IsArchived(f"{user} had a seat in {product.title}. Restore it among the archived.")
    if seat is not None:
        raise AlreadyThere(f"{user} already has a seat in {product.title}.")
    member = product.member._default_manager.create(user=user)
    everyone = product.organization._default_manager.get(is_global=True)
    _place(product=product, member=member, organization=everyone, team=None, is_primary=True)
    record(
        actor=actor,
        verb=MEMBER_ADDED,
        target=("member", member.pk, str(user)),
        after={"product": product.title},
        product=product.slug,
    )
    give_role(user=user, role=Role.MEMBER, product=product.slug, actor=actor)
    bump_policy()
    return member


@transaction.atomic
def invite_member(
    *,
    product: Product,
    email: str,
    name: str = "",
    organization: AbstractOrganization | None = None,
    team: AbstractTeam | None = None,
    actor: Actor,
) -> NewSeat:
    """Give somebody a seat by e-mail address, and a place if one is named.

    Who is new here gets a login and an invitation; the caller sends its link.

    Raises:
        InvalidInput: the e-mail address is not one.
        AlreadyThere: the person has a seat.
        IsArchived: the person had one, or the place is archived.
    """
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = create_user(email=email, name=name, is_active=False, actor=actor)
    member = create_member(product=product, user=user, actor=actor)
    if organization is not None and not organization.is_global:
        place_member(
            product=product, member=member, organization=organization, team=team, actor=actor
        )
    link = None if user.has_joined else invite_user(user=user, actor=actor)
    return NewSeat(member, link)


@transaction.atomic
def place_member(
    *,
    product: Product,
    member: AbstractMember,
    organization: AbstractOrganization,
    team: AbstractTeam | None = None,
    actor: Actor,
) -> AbstractMembership:
    """Put a member into a team, or directly into an organization.

    The first place becomes the primary one.

    Raises:
        AlreadyThere: the member is in this place.
        IsArchived: the member, the organization or the team is archived.
    """
    for node in (member, organization, team):
        if node is not None:
            _refuse_archived(node)
    assert team is None or team.organization == organization  # type: ignore[attr-defined]
    places = _memberships(product).filter(member=member, archived_at=None)
    if places.filter(organization=organization, team=team).exists():
        raise AlreadyThere(f"{member} is already in {team or organization}.")
    is_first = not places.filter(organization__is_global=False).exists()
    if is_first:
        places.update(is_primary=False)
    place = _place(
        product=product, member=member, organization=organization, team=team, is_primary=is_first
    )
    record(
        actor=actor,
        verb=PLACED,
        target=("member", member.pk, str(member)),
        after={"place": str(team or organization)},
        product=product.slug,
    )
    bump_policy()
    return place


@transaction.atomic
def make_primary(*, product: Product, membership: AbstractMembership, actor: Actor) -> None:
    """Make a place the one that calls without an acting team are charged to."""
    _refuse_archived(membership)
    member = membership.member  # type: ignore[attr-defined]
    places = _memberships(product).filter(member=member, archived_at=None)
    places.exclude(pk=membership.pk).update(is_primary=False)
    places.filter(pk=membership.pk).update(is_primary=True)
    record(
        actor=actor,
        verb=PRIMARY_SET,
        target=("member", member.pk, str(member)),
        after={"place": str(membership)},
        product=product.slug,
    )
    bump_policy()


@transaction.atomic
def remove_membership(*, product: Product, membership: AbstractMembership, actor: Actor) -> None:
    """Take a member out of a place. The place under `global` stays as long as the seat does."""
    member = membership.member  # type: ignore[attr-defined]
    if membership.organization.is_global:  # type: ignore[attr-defined]
        raise GlobalIsFixed("Everyone is in global. Archive the member to take the seat away.")
    membership.archived_at, was_primary = now(), membership.is_primary
    membership.is_primary = False
    membership.save(update_fields=("archived_at", "is_primary"))
    if was_primary:
        places = _memberships(product).filter(member=member, archived_at=None)
        heir = places.order_by("organization__is_global", "created_at").first()
        if heir is not None:
            heir.is_primary = True
            heir.save(update_fields=("is_primary",))
    record(
        actor=actor,
        verb=UNPLACED,
        target=("member", member.pk, str(member)),
        before={"place": str(membership)},
        product=product.slug,
    )
    bump_policy()


@transaction.atomic
def archive_member(
    *, product: Product, member: AbstractMember, reason: str = "", actor: Actor
) -> None:
    """Take somebody's seat away: keys and tokens of this product stop at once."""
    _archive(member, kind="member", product=product, reason=reason, actor=actor)
    for role in RoleAssignment.objects.filter(user=member.user, product=product.slug):
        take_role(assignment=role, actor=actor)


@transaction.atomic
def restore_member(*, product: Product, member: AbstractMember, actor: Actor) -> None:
    """Give an archived member the seat back, in the places they had."""
    member.archived_at = None
    member.save(update_fields=("archived_at",))
    give_role(user=member.user, role=Role.MEMBER, product=product.slug, actor=actor)
    record(
        actor=actor,
        verb=RESTORED["member"],
        target=("member", member.pk, str(member)),
        product=product.slug,
    )
    bump_policy()


def _memberships(product: Product) -> Any:
    """Return the product's memberships; the abstract class does not know its foreign keys."""
    return product.membership._default_manager


def _place(
    *,
    product: Product,
    member: AbstractMember,
    organization: AbstractOrganization,
    team: AbstractTeam | None,
    is_primary: bool,
) -> AbstractMembership:
    """Create a membership whose wallet hangs under the team's, the organization's, or nothing."""
    book = Book.objects.get(product=product.slug)
    parent = team.wallet if team is not None else organization.wallet
    wallet = create_wallet(book=book, kind=WalletKind.MEMBERSHIP, parent=parent)
    membership: AbstractMembership = _memberships(product).create(
        member=member,
        organization=organization,
        team=team,
        is_primary=is_primary,
        wallet=wallet,
    )
    return membership


def _created(node: NamedT, *, product: Product, actor: Actor) -> NamedT:
    _save(node)
    kind = _kind(node)
    record(actor=actor, verb=CREATED[kind], target=(kind, node.pk, node.name), product=product.slug)
    bump_policy()
    return node


def _archive(node: Node, *, kind: str, product: Product, reason: str, actor: Actor) -> None:
    _refuse_archived(node)
    node.archived_at = now()
    node.save(update_fields=("archived_at",))
    record(
        actor=actor,
        verb=ARCHIVED[kind],
        target=(kind, node.pk, str(node)),
        reason=reason,
        product=product.slug,
    )
    bump_policy()


def _save(node: Node, *, update_fields: tuple[str, ...] | None = None) -> None:
    try:
        with transaction.atomic():
            node.save(update_fields=update_fields)
    except IntegrityError as error:
        if "name_once" not in str(error):
            raise
        raise NameTaken(f"There is already one called {node}.") from None


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


def _refuse_global(organization: AbstractOrganization) -> None:
    if organization.is_global:
        raise GlobalIsFixed("global holds everyone and has no teams or credits of its own.")


def _refuse_archived(node: Node) -> None:
    if node.is_archived:
        raise IsArchived(f"{node} is archived. Restore it first.")
