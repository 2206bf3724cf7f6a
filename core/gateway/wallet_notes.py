"""What a refusal for lack of credits says: whose wallet is empty, and who can fill it."""

from uuid import UUID

from core.credits.models import Wallet, WalletKind
from core.gateway.ports import Principal, WalletNote
from core.hierarchy.product import product_named
from core.hierarchy.wallets import wallet_label
from core.identity.models import Role, RoleAssignment

MOST_HELPERS = 3

_KIND_NAMES = {
    WalletKind.ORGANIZATION: "the organization {label}",
    WalletKind.TEAM: "the team {label}",
    WalletKind.MEMBERSHIP: "the wallet of {label}",
}


def wallet_note(principal: Principal, wallet_id: UUID) -> WalletNote:
    """Return the note about a wallet of the caller's product. In the account's context."""
    wallet = Wallet.objects.filter(pk=wallet_id).first()
    if wallet is None:
        return WalletNote("")
    label = wallet_label(product_named(principal.product), wallet)
    pattern = _KIND_NAMES.get(WalletKind(wallet.kind), "the account's {label} wallet")
    return WalletNote(pattern.format(label=label), _helpers(principal, wallet))


def _helpers(principal: Principal, wallet: Wallet) -> tuple[str, ...]:
    """Return whoever stands nearest above the wallet and may add credits, by name."""
    nearest: list[tuple[str, UUID | None]] = []
    if wallet.kind == WalletKind.MEMBERSHIP:
        nearest.append((Role.TEAM_ADMIN, principal.team_id))
    if wallet.kind in {WalletKind.MEMBERSHIP, WalletKind.TEAM}:
        nearest.append((Role.ORGANIZATION_ADMIN, principal.organization_id))
    nearest.append((Role.ACCOUNT_ADMIN, None))
    names: list[str] = []
    for role, node_id in nearest:
        if role != Role.ACCOUNT_ADMIN and node_id is None:
            continue
        assignments = RoleAssignment.objects.filter(
            role=role, node_id=node_id, user__is_active=True
        ).select_related("user")
        if node_id is not None:
            assignments = assignments.filter(product=principal.product)
        title = Role(role).label.lower()
        names += [f"{assignment.user} ({title})" for assignment in assignments[:MOST_HELPERS]]
    return tuple(dict.fromkeys(names))[:MOST_HELPERS]
