"""Every write of client apps: create, rotate, revoke, allow; and the assertions they use up."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from core.audit import verbs
from core.audit.services import Actor, record
from core.kit.clock import now
from core.kit.problems import InvalidInput
from core.kit.secrets import equal, random_token
from core.tenancy.policy import bump_policy
from core.tokens import keys
from core.tokens.errors import ClientAppRevoked, InvalidClient, InvalidGrant, UnauthorizedClient
from core.tokens.jwt import verify_assertion
from core.tokens.models import ClientApp, UsedAssertion
from core.tokens.scopes import DEFAULT_SCOPES, checked_scopes
from core.tokens.selectors import active_client_app
from core.vault import services as vault

_TABLE, _COLUMN = "tokens_clientapp", "secret"

APP_CREATED = verbs.register(
    "client_app.created", "{actor} created the client app {target}", icon="apps"
)
APP_RENAMED = verbs.register(
    "client_app.renamed", "{actor} renamed the client app {before[name]} to {after[name]}"
)
APP_ROTATED = verbs.register(
    "client_app.secret_rotated", "{actor} replaced the secret of {target}", icon="autorenew"
)
APP_KEY_SET = verbs.register(
    "client_app.key_set", "{actor} registered a public key of {target}", icon="key"
)
APP_KEY_REMOVED = verbs.register(
    "client_app.key_removed", "{actor} removed the public key of {target}", icon="key_off"
)
APP_REVOKED = verbs.register(
    "client_app.revoked", "{actor} revoked the client app {target}", icon="block"
)
APP_ALLOWED = verbs.register(
    "client_app.allowed_to_act", "{actor} allowed {target} to act for members", icon="how_to_reg"
)
APP_FORBIDDEN = verbs.register(
    "client_app.forbidden_to_act", "{actor} stopped {target} from acting for members", icon="block"
)

APP_OPENED = verbs.register(
    "client_app.opened", "{actor} opened {target} to everyone", icon="lock_open"
)
APP_CLOSED = verbs.register(
    "client_app.closed", "{actor} left {target} to those it is shared with", icon="lock"
)


@dataclass(frozen=True, slots=True, repr=False)
class AppWithSecret:
    """A client app and its secret: shown once when it is made, opened to check what it signed."""

    app: ClientApp
    secret: str

    def __repr__(self) -> str:
        return f"AppWithSecret({self.app.client_id}, …)"


@transaction.atomic
def create_client_app(
    *,
    product: str,
    name: str,
    act_for_members: bool = False,
    scopes: Iterable[str] = DEFAULT_SCOPES,
    public_key: str = "",
    actor: Actor,
) -> AppWithSecret:
    """Create a client app; its secret is sealed, and shown only now.

    Raises:
        InvalidInput: the name is empty or too long, a scope does not exist, or the key is none.
    """
    app = ClientApp.objects.create(
        product=product,
        name=_checked_name(name),
        client_id=f"app_{random_token(24)}",
        act_for_members=act_for_members,
        scopes=checked_scopes(scopes),
        public_key=keys.checked(public_key),
        created_by=actor.label,
    )
    secret = _new_secret(app, actor)
    after = {"client_id": app.client_id, "scopes": app.scopes, "act_for_members": act_for_members}
    _record(APP_CREATED, app, actor, after=after)
    return AppWithSecret(app, secret)


@transaction.atomic
def rename_client_app(*, app: ClientApp, name: str, actor: Actor) -> ClientApp:
    """Change the name that people see.

    Raises:
        InvalidInput: the name is empty or too long.
    """
    before, app.name = app.name, _checked_name(name)
    app.save(update_fields=("name",))
    _record(APP_RENAMED, app, actor, before={"name": before}, after={"name": app.name})
    return app


@transaction.atomic
def rotate_client_secret(*, app: ClientApp, actor: Actor) -> AppWithSecret:
    """Replace the secret. The former one stops working at once; tokens in use run out.

    Raises:
        ClientAppRevoked: the app is revoked.
    """
    app = _locked(app)
    secret = _new_secret(app, actor)
    _record(APP_ROTATED, app, actor)
    return AppWithSecret(app, secret)


@transaction.atomic
def set_public_key(*, app: ClientApp, public_key: str, actor: Actor) -> ClientApp:
    """Accept assertions signed with the other half of a key (PEM, Ed25519); empty, none any more.

    Raises:
        ClientAppRevoked: the app is revoked.
        InvalidInput: it is no such key.
    """
    app, wanted = _locked(app), keys.checked(public_key)
    if app.public_key == wanted:
        return app
    app.public_key = wanted
    app.save(update_fields=("public_key",))
    _record(APP_KEY_SET if wanted else APP_KEY_REMOVED, app, actor)
    return app


@transaction.atomic
def set_act_for_members(*, app: ClientApp, is_allowed: bool, actor: Actor) -> ClientApp:
    """Let a client app act for any member of its product, or stop it from doing so at once.

    Raises:
        ClientAppRevoked: the app is revoked.
    """
    app = _locked(app)
    if app.act_for_members == is_allowed:
        return app
    app.act_for_members = is_allowed
    app.save(update_fields=("act_for_members",))
    _record(APP_ALLOWED if is_allowed else APP_FORBIDDEN, app, actor)
    bump_policy()
    return app


@transaction.atomic
def set_client_app_open(*, app: ClientApp, is_open: bool, actor: Actor) -> ClientApp:
    """Open a client app to everyone, or leave it to those it is shared with; at once.

    Raises:
        ClientAppRevoked: the app is revoked.
    """
    app = _locked(app)
    if app.is_open == is_open:
        return app
    app.is_open = is_open
    app.save(update_fields=("is_open",))
    _record(APP_OPENED if is_open else APP_CLOSED, app, actor)
    bump_policy()
    return app


@transaction.atomic
def revoke_client_app(*, app: ClientApp, reason: str = "", actor: Actor) -> ClientApp:
    """Stop a client app for good: its secret is erased and its tokens are refused from now on.

    Raises:
        ClientAppRevoked: it is revoked already.
    """
    app = _locked(app)
    app.revoked_at = now()
    app.save(update_fields=("revoked_at",))
    vault.erase(table=_TABLE, row=app.pk, column=_COLUMN)
    _record(APP_REVOKED, app, actor, reason=reason)
    bump_policy()
    return app


def authenticate_client(*, client_id: str, client_secret: str) -> AppWithSecret:
    """Return the client app that an id and a secret belong to.

    Raises:
        InvalidClient: there is none, it is revoked, or the secret is another.
    """
    app = active_client_app(client_id)
    secret = vault.open_secret(table=_TABLE, row=app.pk, column=_COLUMN) if app else None
    if app is None or secret is None or not equal(secret.value, client_secret):
        raise InvalidClient("The client is unknown or its secret is wrong.")
    _note_use(app)
    return AppWithSecret(app, secret.value)


@transaction.atomic
def redeem_assertion(*, client: AppWithSecret, assertion: str, audiences: Collection[str]) -> str:
    """Use an assertion up and return its subject: the e-mail address of whom to act for.

    Raises:
        UnauthorizedClient: the app may not act for members.
        InvalidGrant: the assertion is not valid, or was used before.
    """
    if not client.app.act_for_members:
        raise UnauthorizedClient("An account admin has not let this client act for members.")
    read = verify_assertion(
        assertion,
        secret=client.secret,
        public_key=keys.read(client.app.public_key),
        client_id=client.app.client_id,
        audiences=audiences,
        at=now(),
    )
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(
                client_app=client.app, jti=read.jti, expires_at=read.expires_at
            )
    except IntegrityError:
        raise InvalidGrant("The assertion was used before. Sign a new one.") from None
    return read.subject


def sweep_used_assertions() -> int:
    """Forget assertions that have expired, and so are refused without being remembered."""
    # An hour's grace: forgetting late costs a few rows, forgetting early would admit a replay.
    gone, _ = UsedAssertion.objects.filter(expires_at__lt=now() - timedelta(hours=1)).delete()
    return gone


def _new_secret(app: ClientApp, actor: Actor) -> str:
    secret = random_token(43)
    vault.seal(table=_TABLE, row=app.pk, column=_COLUMN, value=secret, sealed_by=actor.label)
    return secret


def _note_use(app: ClientApp) -> None:
    moment = now()
    # Once a minute is exact enough for people, and does not write a row at each call.
    stale = Q(last_used_at=None) | Q(last_used_at__lt=moment - timedelta(minutes=1))
    ClientApp.objects.filter(stale, pk=app.pk).update(last_used_at=moment)


def _locked(app: ClientApp) -> ClientApp:
    app = ClientApp.objects.select_for_update().get(pk=app.pk)
    if app.revoked_at is not None:
        raise ClientAppRevoked(f"{app} was revoked. Create a new client app.")
    return app


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise InvalidInput(
            "Enter a name of 1 to 120 characters.",
            errors=[{"pointer": "/name", "code": "name", "detail": "1 to 120 characters."}],
        )
    return name


def _record(
    verb: str,
    app: ClientApp,
    actor: Actor,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    reason: str = "",
) -> None:
    target: tuple[str, UUID, str] = ("client_app", app.pk, app.name)
    record(
        actor=actor,
        verb=verb,
        target=target,
        before=before,
        after=after,
        reason=reason,
        product=app.product,
    )
