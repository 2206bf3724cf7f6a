"""What can go wrong with tokens: at the OAuth endpoint, and where a token is shown."""

from core.kit.problems import Conflict, Problem, Unauthenticated


class InvalidToken(Unauthenticated):
    """The token is not one of ours, has expired, or is meant for somebody else."""

    code = "invalid_token"
    title = "The token is not valid"


class ClientAppRevoked(Conflict):
    """A revoked client app stays revoked; its history stays too."""

    code = "client_app_revoked"
    title = "This client app is revoked"


class OAuthError(Problem):
    """An answer of the token endpoint. `code` is one of RFC 6749 and RFC 8693.

    `detail` becomes `error_description`: plain ASCII without quotes, and never what was sent.
    """

    title = "No token was issued"


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client is unknown or revoked, or its secret is wrong."""

    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The assertion is not valid, or names nobody the client may act for."""

    code = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client is who it says, but may not use this grant."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The grant is not one of those on offer."""

    code = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """A scope is unknown or beyond the client's."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """A token was asked for somewhere that is not ours."""

    code = "invalid_target"


class AccessDenied(OAuthError):
    """The account admits nobody at the moment."""

    code = "access_denied"
    status = 403
