"""What can go wrong in Console."""

from core.kit.problems import Conflict


class KeyRevoked(Conflict):
    """A revoked key stays revoked."""

    code = "key_revoked"
    title = "This key is revoked"
