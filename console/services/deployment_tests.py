"""Test calls of deployments, made by the gateway."""

from typing import Any

import httpx
import structlog
from django.conf import settings
from django.db import transaction

from console.models import CheckOutcome, Deployment
from console.services.deployments import allowed_vendor
from console.services.own_llms import PRODUCT
from core.audit import verbs
from core.audit.services import Actor, record
from core.gateway import probing
from core.kit.clock import now
from core.tenancy.context import Account
from tenants.own_llms import own_llm_ceiling

DEPLOYMENT_TESTED = verbs.register(
    "deployment.tested", "{actor} tested {target}: {after[outcome]}", icon="network_check"
)
# A little longer than the gateway itself waits.
WAIT_SECONDS = probing.PROBE_SECONDS + 5

log = structlog.get_logger(__name__)


def check_deployment(*, account: Account, deployment: Deployment, actor: Actor) -> Deployment:
    """Have the gateway call a deployment once, and keep what came of it. Nothing is charged.

    The request is sent outside a transaction, since a provider may take half a minute.

    Raises:
        VendorNotAllowed: the super admin does not let the account use the vendor any more.
    """
    allowed_vendor(deployment.vendor, own_llm_ceiling(account.id))
    verdict = _ask_gateway(probing.ProbeTicket(account.id, deployment.pk))
    outcome = CheckOutcome(verdict["outcome"])
    with transaction.atomic():
        row = Deployment.objects.select_for_update().get(pk=deployment.pk)
        row.tested_at = now()
        row.test_outcome = outcome
        row.test_detail = _printable(verdict["detail"])
        row.test_latency_ms = verdict["latency_ms"]
        row.suggestion = verdict["facts"] or row.suggestion
        row.save(update_fields=(
            "tested_at", "test_outcome", "test_detail", "test_latency_ms", "suggestion",
        ))  # fmt: skip
        record(
            actor=actor,
            verb=DEPLOYMENT_TESTED,
            target=("deployment", row.pk, str(row)[:200]),
            after={"outcome": str(outcome.label)},
            product=PRODUCT,
        )
    return row


def _ask_gateway(ticket: probing.ProbeTicket) -> dict[str, Any]:
    try:
        answer = httpx.post(
            f"{settings.GATEWAY_URL}{probing.PATH}",
            json={"ticket": ticket.signed()},
            timeout=WAIT_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()
        verdict: dict[str, Any] = answer.json()
        CheckOutcome(verdict["outcome"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        log.warning("deployment_test_failed", error=type(error).__name__)
        return {
            "outcome": CheckOutcome.GATEWAY,
            "detail": "The gateway did not make the test call. Look at its log, and try again.",
            "latency_ms": None,
            "facts": {},
        }
    return verdict


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:600]
