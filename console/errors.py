"""What can go wrong in Console."""

from core.kit.problems import Conflict, NotAllowed


class KeyRevoked(Conflict):
    """A revoked key stays revoked."""

    code = "key_revoked"
    title = "This key is revoked"


class VendorNotAllowed(NotAllowed):
    """The super admin does not let the account use this vendor."""

    code = "vendor_not_allowed"
    title = "Your account may not use this vendor"


class LlmNameTaken(Conflict):
    """Another LLM of the account answers under this name."""

    code = "llm_name_taken"
    title = "An LLM has this name already"


class OwnLlmArchived(Conflict):
    """What is archived is not changed."""

    code = "own_llm_archived"
    title = "This LLM is archived"
