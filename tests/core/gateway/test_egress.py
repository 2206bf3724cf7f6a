"""Which addresses an account may have the gateway call."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from core.gateway.connections import GuardedResolver
from core.gateway.egress import LOOPBACK, AddressRefused, EgressRule, check_address
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

PUBLIC = EgressRule()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/v1",
        "https://127.1/v1",
        "https://2130706433/v1",
        "https://0x7f000001/v1",
        "https://0.0.0.0/v1",
        "https://10.1.2.3/v1",
        "https://172.16.0.1/v1",
        "https://192.168.1.1/v1",
        "https://100.64.0.1/v1",
        "https://169.254.169.254/latest/meta-data",
        "https://224.0.0.1/v1",
        "https://[::1]/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://[::ffff:a9fe:a9fe]/v1",
        "https://[fd00::1]/v1",
        "https://[fe80::1]/v1",
        "https://[64:ff9b::a00:1]/v1",
        "https://[2002:a00:1::]/v1",
        "https://[::127.0.0.1]/v1",
        "https://[fec0::1]/v1",
        "https://①②⑦.⓪.⓪.①/v1",
        "https://127。0。0。1/v1",
        "https://a\t.example/v1",
        "http://api.example.com/v1",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "https://user:password@api.example.com/v1",
        "https://api.example.com/v1?x=1",
        "https://api.example.com/v1#x",
        "https://api.example.com:99999/v1",
        "https:///v1",
        "api.example.com",
    ],
)
def test_address_that_is_refused_by_what_it_says(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url, PUBLIC)


def test_public_https_address_is_taken() -> None:
    check_address("https://llm.example.com:8443/v1", PUBLIC)
    check_address("https://8.8.8.8/v1", PUBLIC)
    check_address("https://[2001:4860:4860::8888]/v1", PUBLIC)


def test_super_admin_s_list_opens_just_what_it_names() -> None:
    rule = EgressRule(hosts=("vllm.acme.lan",), networks=("10.20.0.0/16",), allows_http=True)

    check_address("http://vllm.acme.lan:8000/v1", rule)
    check_address("http://10.20.3.4:8000/v1", rule)
    for url in ("http://other.acme.lan/v1", "http://10.21.0.1/v1", "https://127.0.0.1/v1"):
        with pytest.raises(AddressRefused):
            check_address(url, rule)


def test_plain_http_is_a_permission_of_its_own() -> None:
    rule = EgressRule(hosts=("vllm.acme.lan",))

    check_address("https://vllm.acme.lan/v1", rule)
    with pytest.raises(AddressRefused):
        check_address("http://vllm.acme.lan/v1", rule)


class Names:
    """A name server that answers differently each time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def __call__(self, _host: str, port: int, **_: Any) -> list[Any]:
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]


async def resolved(names: Names, rule: EgressRule = PUBLIC) -> list[str]:
    # The edge of the process: nothing else decides what a name means.
    loop = asyncio.get_running_loop()
    loop.getaddrinfo = names  # type: ignore[assignment,method-assign]
    return [each["host"] for each in await GuardedResolver(rule).resolve("a.example", 443)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["fd00::1"], ["::ffff:192.168.0.1"]],
)
async def test_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    with pytest.raises(AddressRefused):
        await resolved(Names(addresses))


@pytest.mark.asyncio
async def test_connection_goes_to_the_addresses_that_were_checked() -> None:
    rebinding = Names(["8.8.8.8"], ["127.0.0.1"])

    assert await resolved(rebinding) == ["8.8.8.8"]
    # What the name means a moment later is checked again.
    with pytest.raises(AddressRefused):
        await resolved(rebinding)


@pytest.mark.asyncio
async def test_name_on_the_list_may_lead_inside() -> None:
    rule = EgressRule(hosts=("a.example",))

    assert await resolved(Names(["10.0.0.1"]), rule) == ["10.0.0.1"]


@pytest.mark.asyncio
async def test_azure_of_an_account_s_own_is_called_with_its_version(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    llm = directory.add_llm("own", api_base=upstream.url, provider="azure")
    rule = EgressRule(networks=LOOPBACK, allows_http=True)
    own = replace(llm.deployment, egress=rule, upstream_model="ok")
    directory.llms["console"]["own"] = replace(llm, deployment=own)

    answer = await client.chat("Hello", model="own")

    assert answer.status == 200
    assert "?api-version=" in upstream.seen[0].path


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("rule", "status"),
    [(PUBLIC, 502), (EgressRule(networks=LOOPBACK, allows_http=True), 200)],
)
async def test_call_of_a_deployment_keeps_to_its_rule(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    rule: EgressRule,
    status: int,
) -> None:
    llm = directory.add_llm("own", api_base=upstream.url)
    own = replace(llm.deployment, egress=rule, upstream_model="ok")
    directory.llms["console"]["own"] = replace(llm, deployment=own)

    answer = await client.chat("Hello", model="own")

    assert answer.status == status
    assert len(upstream.seen) == (status == 200)
    assert (ledger.charged > 0) == (status == 200)
    assert b"127.0.0.1" not in answer.raw
