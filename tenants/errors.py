"""What can go wrong with accounts and the catalogue."""

from core.kit.problems import Conflict


class SlugTaken(Conflict):
    """An account has the short name, or had it, or the platform needs it."""

    code = "slug_taken"
    title = "This short name is already in use"


class NotOffered(Conflict):
    """The super admin does not offer this LLM to the account."""

    code = "llm_not_offered"
    title = "This LLM is not offered to the account"


class AlreadyInState(Conflict):
    """The account is in this state already, or cannot go there from where it is."""

    code = "account_state"
    title = "The account cannot go there from its present state"


class LlmRetired(Conflict):
    """The LLM has been taken out of use."""

    code = "llm_retired"
    title = "This LLM is retired"


class LastSuperAdmin(Conflict):
    """The platform always keeps one super admin who can sign in."""

    code = "last_super_admin"
    title = "This is the last super admin"
