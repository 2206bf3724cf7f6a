"""The pages of own LLMs: a form by vendor, a credential that never comes back, a clear verdict."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from json import dumps, loads
from typing import Any, ClassVar

import pytest

from console.models import Deployment, OwnLlm
from console.selectors.own_llms import credential_states, own_llm_named
from core.gateway.probing import PATH, read_ticket
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import text_of

HOME = "/console/deployments/"
CANARY = "sk-canary-0123456789abcdef-wxyz"


@pytest.fixture
def ada_client(client_for: Callable[..., AccountClient], ada: User, acme: Account) -> AccountClient:
    return client_for(ada, acme)


class FakeGateway(BaseHTTPRequestHandler):
    """Answers test calls as the gateway does, after it has looked at the ticket."""

    verdict: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        sent = loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.path == PATH
        self.asked.append(str(read_ticket(sent["ticket"]).deployment_id))
        raw = dumps(self.verdict).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(settings: Any) -> Iterator[type[FakeGateway]]:
    server = HTTPServer(("127.0.0.1", 0), FakeGateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.GATEWAY_URL = f"http://127.0.0.1:{server.server_port}"
    FakeGateway.asked.clear()
    FakeGateway.verdict = {
        "outcome": "credential",
        "detail": "Incorrect API key provided.",
        "latency_ms": 120,
        "facts": {"prices": {"input_usd": "1.25", "output_usd": "10"}},
    }
    yield FakeGateway
    server.shutdown()
    server.server_close()


def add_llm(client: AccountClient, acme: Account) -> OwnLlm:
    sent = {"name": "company-gpt", "title": "Company GPT", "kind": "chat"}
    assert client.post(HOME, sent).status_code == 302
    with in_account(acme):
        return OwnLlm.objects.get(name="company-gpt")


def add_place(client: AccountClient, llm: OwnLlm, **fields: str) -> Any:
    sent = {
        "vendor": "openai",
        "upstream_model": "gpt-own",
        "api_key": CANARY,
        "order": "1",
        "weight": "1",
        "timeout_seconds": "60",
        **fields,
    }
    return client.post(f"{HOME}llms/{llm.pk}/add/", sent)


def test_an_llm_is_added_placed_tested_and_priced(
    ada_client: AccountClient, acme: Account, gateway: type[FakeGateway]
) -> None:
    llm = add_llm(ada_client, acme)
    assert "Runs nowhere yet" in text_of(ada_client.get(HOME))

    response = add_place(ada_client, llm)

    assert response.status_code == 302
    with in_account(acme):
        place = Deployment.objects.get(llm=llm)
    assert gateway.asked == [str(place.pk)]
    page = ada_client.get(response["Location"])
    assert "The credential is refused" in text_of(page)
    assert "Incorrect API key provided." in text_of(page)
    assert CANARY not in page.content.decode()
    # What LiteLLM's list says is a start, and nothing is charged by it before somebody saves it.
    shown = ada_client.get(f"{HOME}llms/{llm.pk}/")
    assert 'value="1.25"' in shown.content.decode()
    assert "No price: refused" in text_of(shown)
    saved = ada_client.post(f"{HOME}llms/{llm.pk}/price/", {"input_usd": "2", "output_usd": "8"})
    assert saved.status_code == 302
    assert "Answers" in text_of(ada_client.get(HOME))

    gateway.verdict = {"outcome": "ok", "detail": "OK", "latency_ms": 80, "facts": {}}
    ada_client.post(f"{HOME}{place.pk}/credential/", {"api_key": "sk-another-0123456789"})
    assert "It answers" in text_of(ada_client.get(f"{HOME}{place.pk}/"))


def test_a_gateway_that_is_away_is_a_verdict_too(
    ada_client: AccountClient, acme: Account, settings: Any
) -> None:
    settings.GATEWAY_URL = "http://127.0.0.1:9"
    llm = add_llm(ada_client, acme)

    response = add_place(ada_client, llm)

    assert "The gateway could not test it" in text_of(ada_client.get(response["Location"]))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"upstream_model": "gpt 5"}, "Enter the model"),
        ({"vendor": "vllm", "api_base": "http://10.0.0.1/v1"}, "is not on the public internet"),
        ({"vendor": "vllm", "api_base": "http://llm.example.com/v1"}, "must be called by https"),
        ({"vendor": "bedrock", "region": "eu-central-1"}, "This field is required"),
        ({"weight": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_deployment_that_cannot_be_comes_back_without_its_credential(
    ada_client: AccountClient,
    acme: Account,
    gateway: type[FakeGateway],
    fields: dict[str, str],
    says: str,
) -> None:
    llm = add_llm(ada_client, acme)

    response = add_place(ada_client, llm, **fields)

    assert response.status_code == 422
    assert says in text_of(response)
    assert CANARY not in response.content.decode()
    assert gateway.asked == []


def test_each_vendor_has_its_own_fields(ada_client: AccountClient, acme: Account) -> None:
    llm = add_llm(ada_client, acme)

    def names(vendor: str) -> str:
        return str(ada_client.get(f"{HOME}llms/{llm.pk}/add/?vendor={vendor}").content)

    assert 'name="aws_secret_access_key"' in names("bedrock")
    assert 'name="region"' in names("bedrock")
    assert 'name="service_account"' in names("vertex_ai")
    assert 'name="api_version"' in names("azure")
    assert 'name="api_base"' not in names("openai")
    assert 'name="api_key"' not in names("ollama")


def test_prices_keep_to_the_floor_and_details_are_saved(
    ada_client: AccountClient, acme: Account
) -> None:
    llm = add_llm(ada_client, acme)

    low = ada_client.post(f"{HOME}llms/{llm.pk}/price/", {"input_usd": "0.001"})
    assert low.status_code == 422
    assert "least price" in text_of(low)

    details = {
        "title": "Renamed",
        "context_window": "1000",
        "max_output_tokens": "100",
        "retries": "2",
        "fallback": "",
    }
    assert ada_client.post(f"{HOME}llms/{llm.pk}/", details).status_code == 302
    with in_account(acme):
        assert own_llm_named(llm.pk).retries == 2
    ada_client.post(f"{HOME}llms/{llm.pk}/archive/")
    assert ada_client.get(f"{HOME}llms/{llm.pk}/").status_code == 404


def test_own_llms_stand_among_all_llms_of_console(ada_client: AccountClient, acme: Account) -> None:
    add_llm(ada_client, acme)

    for page in ("/console/llms/", "/console/llm-access/"):
        assert "Company GPT" in text_of(ada_client.get(page))
    assert "Company GPT" not in text_of(ada_client.get("/copilot/llms/"))


def test_deployments_over_rest(
    ada_client: AccountClient, acme: Account, gateway: type[FakeGateway]
) -> None:
    at = "/api/console/v1"

    def send(path: str, body: dict[str, Any]) -> Any:
        return ada_client.post(f"{at}/{path}", body, content_type="application/json")

    made = send("own-llms", {"name": "company-gpt", "title": "Company GPT"})
    assert made.status_code == 201
    assert made.json()["price"] is None
    llm_id = made.json()["id"]
    place = {"llm": llm_id, "vendor": "openai", "upstream_model": "m"}
    assert send("deployments", place).status_code == 422
    added = send("deployments", {**place, "credential": {"api_key": CANARY}})
    assert added.status_code == 201
    assert CANARY not in added.content.decode()
    assert added.json()["credential"]["last_four"] == "wxyz"
    one = f"deployments/{added.json()['id']}"
    assert send(f"{one}/test", {}).json()["test"]["outcome"] == "credential"
    low = send(f"own-llms/{llm_id}/prices", {"input_usd": "0.001", "output_usd": "1"})
    assert low.status_code == 422
    priced = send(f"own-llms/{llm_id}/prices", {"input_usd": "2", "output_usd": "8"})
    assert priced.json()["price"]["version"] == "own-1"
    inside = ada_client.patch(
        f"{at}/{one}", {"api_base": "https://10.0.0.1/v1"}, content_type="application/json"
    )
    assert inside.status_code == 422
    [row] = ada_client.get(f"{at}/deployments?llm={llm_id}").json()["items"]
    assert row["id"] == added.json()["id"]
    assert ada_client.delete(f"{at}/{one}").status_code == 204
    assert ada_client.get(f"{at}/{one}").status_code == 404
    assert gateway.asked == [row["id"]]


def test_health_says_how_each_deployment_does_and_tests_it(
    ada_client: AccountClient, acme: Account, gateway: type[FakeGateway]
) -> None:
    empty = ada_client.get(f"{HOME}health/")
    llm = add_llm(ada_client, acme)
    add_place(ada_client, llm)
    with in_account(acme):
        place = Deployment.objects.get(llm=llm)
    broken = ada_client.get(f"{HOME}health/")
    gateway.verdict = {"outcome": "ok", "detail": "OK", "latency_ms": 80, "facts": {}}

    tested = ada_client.post(f"{HOME}{place.pk}/test/", {"next": "health"})
    well = ada_client.get(f"{HOME}health/")
    over_rest = ada_client.get(f"/api/console/v1/deployments/{place.pk}/health").json()

    assert "No LLMs of your own yet" in text_of(empty)
    assert "Test failed" in text_of(broken)
    assert broken.context["well"] == 0
    assert tested["Location"] == f"{HOME}health/"
    assert "Ready, no calls" in text_of(well)
    assert well.context["well"] == 1
    assert (over_rest["state"], over_rest["tries"], len(over_rest["hours"])) == ("idle", 0, 24)


def test_a_failed_test_says_what_to_do(
    ada_client: AccountClient, acme: Account, gateway: type[FakeGateway]
) -> None:
    llm = add_llm(ada_client, acme)
    where = add_place(ada_client, llm)["Location"]
    for outcome, words in (
        ("credential", "store another below"),
        ("unreachable", "Nothing answers at this address"),
        ("address", "ask a super admin to allow this one"),
        ("unknown_model", "has no such model"),
    ):
        gateway.verdict = {"outcome": outcome, "detail": "No.", "latency_ms": 1, "facts": {}}
        ada_client.post(f"{where}test/")

        assert words in text_of(ada_client.get(where))


def test_archiving_an_llm_forgets_its_credentials(
    ada_client: AccountClient, acme: Account, gateway: type[FakeGateway]
) -> None:
    llm = add_llm(ada_client, acme)
    add_place(ada_client, llm)
    with in_account(acme):
        place = Deployment.objects.get(llm=llm)
        assert credential_states([place])

    ada_client.post(f"{HOME}llms/{llm.pk}/archive/")

    with in_account(acme):
        assert credential_states([place]) == {}


def test_versions_of_a_price_are_listed(
    ada_client: AccountClient, acme: Account, gateway: type[FakeGateway]
) -> None:
    llm = add_llm(ada_client, acme)
    for price in ("2", "30"):
        ada_client.post(f"{HOME}llms/{llm.pk}/price/", {"input_usd": price, "output_usd": "8"})

    page = ada_client.get(f"{HOME}llms/{llm.pk}/")
    shown = text_of(page)

    assert 'value="30"' in page.content.decode()
    assert "2 versions" in shown
    assert "$2.00" in shown
    assert "$30.00" in shown


def test_many_deployments_over_rest_take_as_many_queries_as_few(
    ada_client: AccountClient,
    acme: Account,
    gateway: type[FakeGateway],
    django_assert_max_num_queries: Any,
) -> None:
    llm = add_llm(ada_client, acme)
    for number in range(8):
        add_place(ada_client, llm, upstream_model=f"gpt-own-{number}")

    with django_assert_max_num_queries(12):
        rows = ada_client.get("/api/console/v1/deployments").json()["items"]

    assert len(rows) == 8
    assert {row["credential"]["last_four"] for row in rows} == {"wxyz"}
