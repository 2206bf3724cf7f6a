"""The API reference, and the pages that problem documents point at."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
import yaml

from core.identity.models import User
from core.kit.problems import Problem, known_problems
from core.ui.reference import openapi
from tenants.models import Account
from tests.clients import AccountClient


def test_the_reference_shows_every_operation(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    client = client_for(ada, acme)
    assert client.get("/api/docs/")["Location"] == "/api/docs/copilot-v1/"

    for name in openapi.names(of_platform=False):
        body = client.get(f"/api/docs/{name}/").content.decode()
        paths = yaml.safe_load(openapi.text_of(name, of_platform=False))["paths"]
        operations = [one for methods in paths.values() for one in methods.values()]

        assert operations
        for operation in operations:
            assert f'id="{operation["operationId"]}"' in body


def test_the_reference_tells_fields_kinds_and_examples(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    reference = openapi.reference_of("copilot-v1", of_platform=False)
    operations = {one.id: one for _, group in reference.groups for one in group}
    create = operations["createMember"]
    [answer] = create.answers
    fields = {(field.name, field.depth): field for field in answer.body.fields}

    assert create.body is not None
    assert [field.name for field in create.body.fields if field.is_required] == ["email"]
    assert fields["state", 0].kind == "one of active, invited, expired, deactivated, archived"
    assert fields["name", 2].kind == "string"
    assert fields["archived_at", 0].kind == "date-time or null"
    assert '"email": "robin@company.example"' in create.body.example
    assert "422" in [refusal.status for refusal in create.refusals]


def test_the_documents_are_served_as_they_are(
    client_for: Callable[..., AccountClient], acme: Account
) -> None:
    client = client_for(None, acme)

    as_yaml = client.get("/api/docs/copilot-v1.yaml")
    as_json = client.get("/api/docs/copilot-v1.json")

    assert as_yaml["Content-Type"] == "application/yaml"
    assert yaml.safe_load(as_yaml.content) == json.loads(as_json.content)


@pytest.mark.parametrize("path", ["nothing/", "nothing.yaml", "nothing.json"])
def test_an_api_that_is_none_is_404(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, path: str
) -> None:
    assert client_for(ada, acme).get(f"/api/docs/{path}").status_code == 404


# -- problems --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["account", "public"])
def test_every_problem_has_its_page_on_every_host(
    client_for: Callable[..., AccountClient], acme: Account, host: str
) -> None:
    client = client_for(None, acme if host == "account" else None)
    listed = client.get("/problems/").content.decode()

    for code, kind in known_problems().items():
        path = f"/problems/{code.replace('_', '-')}"
        page = client.get(path)
        assert (page.status_code, path in listed) == (200, True), code
        assert code in page.content.decode()
        assert (kind.__doc__ or "").split("\n")[0][:20] in page.content.decode().replace(
            "&#x27;", "'"
        )
    assert client.get("/problems/no-such").status_code == 404


def test_what_a_problem_points_at_is_there(
    client_for: Callable[..., AccountClient], acme: Account
) -> None:
    client = client_for(None, acme)

    for path in ("/api/nothing", "/api/copilot/v1/teams"):
        document = client.get(path).json()

        assert document["code"] in client.get(document["type"]).content.decode()


def test_each_code_is_one_problem_and_explains_itself() -> None:
    def below(kind: type[Problem]) -> list[type[Problem]]:
        # The gateway answers in OpenAI's shape, with codes of its own.
        is_ours = not kind.__module__.startswith(("tests", "core.gateway"))
        found = [kind] if is_ours else []
        return found + [one for inner in kind.__subclasses__() for one in below(inner)]

    kinds = [kind for kind in below(Problem) if kind is not Problem]
    codes = Counter(kind.code for kind in kinds if "code" in vars(kind))

    assert [code for code, times in codes.items() if times > 1] == []
    assert [kind.__name__ for kind in kinds if not kind.__doc__] == []
