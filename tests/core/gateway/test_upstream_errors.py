"""What errors of providers become: a word of ours, and their words without internals."""

import pytest

from core.gateway.errors import UpstreamFailed
from core.gateway.ports import Deployment, Secret
from core.gateway.upstream_errors import UpstreamUnreachable, problem_of_upstream

PLACE = Deployment(
    "anthropic", "claude", api_base="https://llm.example.com/v1", api_key=Secret("sk-own-12345678")
)


class InternalServerError(Exception):
    """What LiteLLM raises for whatever it has no better name for."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message, self.status_code = message, 500


def test_an_address_where_nobody_answers_is_unreachable_in_plain_words() -> None:
    error = InternalServerError(
        "litellm.InternalServerError: AnthropicException - Cannot connect to host "
        "api.anthropic.com:443 ssl:<ssl.SSLContext object at 0x7f0960c803b0> [Name or service not "
        "known]. Handle with `litellm.InternalServerError`."
    )

    problem = problem_of_upstream(error, PLACE)

    assert isinstance(problem, UpstreamUnreachable)
    assert (
        problem.private_detail
        == "Cannot connect to host api.anthropic.com:443 [Name or service not known]"
    )


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("litellm.InternalServerError: Overloaded", "Overloaded"),
        ("Wrong key sk-own-12345678 at https://llm.example.com/v1", "Wrong key … at …"),
    ],
)
def test_a_failure_of_its_own_keeps_its_words(said: str, left: str) -> None:
    problem = problem_of_upstream(InternalServerError(said), PLACE)

    assert type(problem) is UpstreamFailed
    assert problem.private_detail == left
