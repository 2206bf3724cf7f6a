"""What every test may ask for: the database, the cast, clients, jobs, mail."""

from tests import environment  # isort: skip  before Django reads its settings

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import django
import pytest
from django.conf import settings
from django.core import mail

os.environ["DJANGO_SETTINGS_MODULE"] = "cockpit.settings"
django.setup()
# A worker that inherited it would read the settings before it has a slot of its own.
del os.environ["DJANGO_SETTINGS_MODULE"]
if settings.DATABASES["default"]["NAME"] != environment.DATABASE:
    raise SystemExit("Unset DJANGO_SETTINGS_MODULE: the tests must not touch the data of a run.")

from celery import current_app  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402
from pytest_django import DjangoDbBlocker  # noqa: E402
from redis import Redis  # noqa: E402

from core.audit.models import AuditEntry  # noqa: E402
from core.audit.verbs import missing_fields  # noqa: E402
from core.hierarchy.product import Product, product_named  # noqa: E402
from core.identity.models import User  # noqa: E402
from core.tenancy import jobs  # noqa: E402
from core.tenancy.connection import connection as switching  # noqa: E402
from core.tenancy.context import Account as AnyAccount, in_account, in_public  # noqa: E402
from core.tenancy.middleware import forget_hosts  # noqa: E402
from tenants.models import Account  # noqa: E402
from tenants.services.signing import key_ring  # noqa: E402
from tests import cast  # noqa: E402
from tests.clients import AccountClient  # noqa: E402
from tests.databases import Database  # noqa: E402
from tests.mailbox import Mailbox  # noqa: E402
from tests.scheduling import Scheduling, longest_first  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """No network but loopback, and the Redis that the tests were told to use."""
    redis_host = urlsplit(os.environ["REDIS_URL"]).hostname or "127.0.0.1"
    config.option.allow_hosts = f"127.0.0.1,::1,localhost,{redis_host}"
    # Ours is the order, see tests/scheduling.py.
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order what is shared out among processes; one alone goes from top to bottom."""
    if hasattr(config, "workerinput"):
        longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Share out whole files as tests/scheduling.py says."""
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


# -- database --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def database() -> Database:
    """The database of this process."""
    return Database()


@pytest.fixture(scope="session")
def django_db_setup(
    database: Database, django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Copy the migrated template, once a process."""
    database.create()
    yield
    _disconnect(django_db_blocker)
    database.drop()


@pytest.fixture(scope="session")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Both accounts and the cast, built once a process and only if some test asks for them."""
    from tests import world

    with django_db_blocker.unblock():
        world.build()
        connection.close()


@pytest.fixture
def transactional_accounts(
    world: None, database: Database, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Real commits, visible to other threads and processes; afterwards all is as before.

    For races, the gateway's own connections and subprocesses. The database is copied back, which
    takes some tenths of a second, so everything else asks for `db`.
    """
    _disconnect(django_db_blocker)
    database.remember()
    with django_db_blocker.unblock():
        yield
    _disconnect(django_db_blocker)
    database.go_back()


@pytest.fixture
def any_database(world: None, request: pytest.FixtureRequest) -> None:
    """The cast: in one transaction, or with real commits if the test asks for those."""
    wants_commits = "transactional_accounts" in request.fixturenames
    request.getfixturevalue("transactional_accounts" if wants_commits else "db")


@pytest.fixture(autouse=True)
def _whole_sentences() -> Iterator[None]:
    """Whatever a test makes a service do, the entry has all that its sentence names."""

    def check(instance: AuditEntry, **_: Any) -> None:
        if not instance.verb.startswith("test."):
            assert missing_fields(instance) == [], instance.verb

    post_save.connect(check, sender=AuditEntry)
    yield
    post_save.disconnect(check, sender=AuditEntry)


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """Nothing that a process keeps outlives a test."""
    forget_hosts()
    key_ring.forget()
    yield
    switching.set_schema_to_public()


@pytest.fixture(scope="session")
def _redis_connection() -> Iterator[Redis]:
    with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        yield redis


@pytest.fixture(autouse=True)
def redis(_redis_connection: Redis) -> Redis:
    """This process's own Redis database, empty."""
    _redis_connection.flushdb()
    return _redis_connection


def _disconnect(blocker: DjangoDbBlocker) -> None:
    with blocker.unblock():
        connections.close_all()
        switching.close_pool()


# -- the cast --------------------------------------------------------------------------------------


@pytest.fixture
def acme(any_database: None) -> Account:
    """The account whose data the tests work on."""
    with in_public():
        return Account.objects.get(slug="acme")


@pytest.fixture
def globex(any_database: None) -> Account:
    """The other account."""
    with in_public():
        return Account.objects.get(slug="globex")


@pytest.fixture
def in_acme(acme: Account) -> Iterator[Account]:
    """The whole test runs inside Acme."""
    with in_account(acme):
        yield acme


@pytest.fixture
def sam(any_database: None) -> User:
    """The super admin."""
    with in_public():
        return User.objects.get(email=cast.SAM.email)


@pytest.fixture
def ada(acme: Account) -> User:
    """Account admin of Acme."""
    return _user_of(acme, cast.ADA)


@pytest.fixture
def olga(acme: Account) -> User:
    """Admin of Acme's organization Marketing, in both products."""
    return _user_of(acme, cast.OLGA)


@pytest.fixture
def theo(acme: Account) -> User:
    """Admin of Marketing's team Content, in both products."""
    return _user_of(acme, cast.THEO)


@pytest.fixture
def mia(acme: Account) -> User:
    """Member of Marketing's team Content, in both products."""
    return _user_of(acme, cast.MIA)


@pytest.fixture
def eve(globex: Account) -> User:
    """Account admin of Globex."""
    return _user_of(globex, cast.EVE)


@pytest.fixture
def max_(globex: Account) -> User:
    """Member of a team in Globex that is called like Mia's."""
    return _user_of(globex, cast.MAX)


@pytest.fixture(params=("copilot", "console"))
def product(request: pytest.FixtureRequest) -> Product:
    """Each product in turn: the shared backend is tested once for each."""
    return product_named(request.param)


def _user_of(account: Account, person: cast.Person) -> User:
    with in_account(account):
        return User.objects.get(email=person.email)


# -- doors -----------------------------------------------------------------------------------------


@pytest.fixture
def client_for() -> Callable[..., AccountClient]:
    """Sign somebody in at an account's host: `client_for(ada, acme)`; without a user, nobody."""

    def sign_in(user: User | None, account: AnyAccount | None) -> AccountClient:
        client = AccountClient(account)
        if user is not None:
            client.sign_in(user)
        return client

    return sign_in


@pytest.fixture
def public_client(client_for: Callable[..., AccountClient], any_database: None) -> AccountClient:
    """Nobody in particular, at the public host."""
    return client_for(None, None)


@pytest.fixture
def sam_client(client_for: Callable[..., AccountClient], sam: User) -> AccountClient:
    """The super admin, signed in at the public host."""
    return client_for(sam, None)


@pytest.fixture
def as_job() -> Callable[..., Any]:
    """Run a job here and now, as a worker would: `as_job("usage.roll_up", account=acme)`."""

    def run(name: str, /, *, account: AnyAccount | None = None, **kwargs: Any) -> Any:
        headers = {} if account is None else {jobs.HEADER: account.schema_name}
        with in_public():
            result = current_app.tasks[name].apply(kwargs=kwargs, headers=headers, throw=True)
        return result.get()

    return run


@pytest.fixture
def mailbox() -> Mailbox:
    """The mail sent so far."""
    return Mailbox(mail.outbox)
