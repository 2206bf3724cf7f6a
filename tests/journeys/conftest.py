"""One installation for all journeys of a test process."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.journeys import installation as installations
from tests.journeys.installation import Installation
from tests.journeys.providers import OwnLlms, Providers, allow_own_llms


@pytest.fixture(scope="session")
def providers() -> Iterator[Providers]:
    """Fakes of providers, for as long as the installation runs."""
    with Providers() as providers:
        yield providers


@pytest.fixture(scope="session")
def installation(providers: Providers) -> Iterator[Installation]:
    """Cockpit as `make run` starts it, with the demo."""
    # Below /var/tmp, so that an unprivileged database server reaches it also when root runs this.
    folder = Path("/var/tmp") / f"cockpit-journeys-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    running = installations.start(folder, **providers.environment)
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def developer(installation: Installation) -> openai.OpenAI:
    """The unchanged SDK with Acme's Console key."""
    return openai.OpenAI(
        base_url=f"{installation.gateway_url}/v1",
        api_key=installation.demo["accounts"]["acme"]["console_key"],
        max_retries=0,
    )


@pytest.fixture(scope="module")
def own_llms(installation: Installation, providers: Providers) -> Iterator[OwnLlms]:
    """Acme's own LLMs, which a module adds and which are gone after it."""
    # The machine itself may be called without more, as this is a demo.
    allow_own_llms(installation)
    ada = installation.browse("acme", installation.demo["accounts"]["acme"]["admin"])
    llms = OwnLlms(ada, providers)
    yield llms
    llms.clear()
