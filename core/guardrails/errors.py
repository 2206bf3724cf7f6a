"""What may go wrong with guardrails."""

from core.kit.problems import Conflict, InvalidInput, Problem


class InvalidGuardrail(InvalidInput):
    """The preset does not exist, or its settings make no sense."""

    code = "invalid_guardrail"
    title = "This guardrail is not set up correctly"


class GuardrailInUse(Conflict):
    """A guardrail that is bound somewhere cannot be archived."""

    code = "guardrail_in_use"
    title = "This guardrail is still bound"


class AlreadyBound(Conflict):
    """The guardrail is already bound to this product."""

    code = "guardrail_already_bound"
    title = "This guardrail is already bound here"


class GuardrailUnavailable(Problem):
    """A mandatory guardrail could not run, so the call may not go on."""

    code = "guardrail_unavailable"
    title = "A required guardrail could not check this call"
    status = 503
