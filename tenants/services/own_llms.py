"""What an account may bring along: the ceiling of its own LLMs."""

import re
from collections.abc import Sequence
from decimal import Decimal
from ipaddress import ip_network

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.kit.problems import InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from tenants.models import Account, OwnLlmTerms
from tenants.rules import is_price
from tenants.vendors import VENDORS

OWN_LLM_TERMS_SET = verbs.register(
    "account.own_llm_terms_set", "{actor} changed what LLMs {target} may bring along", icon="dns"
)
MOST_ENTRIES = 100
# As the vendors write their models, with stars; few of these, since each is a place to look back.
_LLM = re.compile(r"(?=.{1,119}$)(?:[A-Za-z0-9._:/@+-]*\*){0,4}[A-Za-z0-9._:/@+-]*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


@transaction.atomic
def set_own_llm_terms(
    *,
    account: Account,
    vendors: Sequence[str] | None,
    llms: Sequence[str] | None = None,
    hosts: Sequence[str],
    networks: Sequence[str],
    allows_http: bool,
    floor_usd: Decimal,
    actor: Actor,
) -> OwnLlmTerms:
    """Say which vendors, LLMs and hosts inside an account may use, and its least price.

    Raises:
        InvalidInput: a pattern, a host, a range or a price that cannot be.
    """
    values = {
        "vendors": None if vendors is None else sorted(set(vendors)),
        "llms": None if llms is None else sorted({_pattern(each) for each in llms}),
        "hosts": [_host(each) for each in hosts],
        "networks": [_network(each) for each in networks],
        "allows_http": allows_http,
        "floor_usd": floor_usd,
    }
    if max(len(hosts), len(networks), len(llms or ())) > MOST_ENTRIES:
        raise _wrong("hosts", f"Name at most {MOST_ENTRIES} LLMs, hosts and ranges.")
    if not is_price(floor_usd):
        raise _wrong("floor_usd", "Enter US dollars with at most six decimals.")
    Account.objects.select_for_update().get(pk=account.pk)
    row = OwnLlmTerms.objects.filter(account=account).first() or OwnLlmTerms(account=account)
    before = {name: getattr(row, name) for name in values}
    if before == values:
        return row
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    record(
        actor=actor,
        verb=OWN_LLM_TERMS_SET,
        target=("account", account.pk, account.name),
        before={**before, "floor_usd": str(before["floor_usd"])},
        after={**values, "floor_usd": str(floor_usd)},
    )
    with in_account(account):
        bump_policy()
    return row


def _pattern(text: str) -> str:
    pattern = text.strip()
    vendor, slash, llm = pattern.partition("/")
    known = {each.slug for each in VENDORS}
    if not slash or vendor not in known or not _LLM.fullmatch(llm):
        detail = f"{text[:80]!r} names no LLM. Write the vendor and the model: openai/gpt-5*."
        raise _wrong("llms", detail)
    return pattern


def _host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    # A name of digits alone would be an address in disguise.
    if not _HOST.fullmatch(host) or re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]+", host):
        detail = f"{text[:80]!r} is no host name. Enter names without https:// and port."
        raise _wrong("hosts", detail)
    return host


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        detail = f"{text[:80]!r} is no range of addresses, such as 10.20.0.0/16."
        raise _wrong("networks", detail) from None


def _wrong(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[{"pointer": f"/{field}", "code": field, "detail": detail}])
