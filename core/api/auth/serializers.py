"""Input and output of the token endpoints."""

from typing import Any

from rest_framework import serializers

from core.api.auth.grants import GRANTS
from core.api.serializers import Input

_TEAM = "The acting team, by id or exact name; the primary one without it."


class TokenForm(serializers.Serializer[Any]):
    """The form of a token request. For the documents only; `requests.py` reads it."""

    grant_type = serializers.ChoiceField(choices=GRANTS)
    client_id = serializers.CharField(required=False, help_text="Unless sent by HTTP Basic.")
    client_secret = serializers.CharField(required=False, help_text="Unless sent by HTTP Basic.")
    scope = serializers.CharField(
        required=False, help_text="Separated by spaces; all of the client's without it."
    )
    subject_token = serializers.CharField(
        required=False,
        help_text=(
            "Token exchange: a JWT signed by the client (HS256 with its secret). `iss` is the "
            "client_id, `sub` the member's e-mail address, `aud` the URL of this endpoint, `exp` "
            "at most 60 seconds away, `jti` used once."
        ),
    )
    subject_token_type = serializers.CharField(
        required=False, help_text="Token exchange: urn:ietf:params:oauth:token-type:jwt"
    )
    requested_token_type = serializers.CharField(required=False)
    audience = serializers.CharField(
        required=False, help_text="The URL of the gateway or of the API; both without it."
    )
    team = serializers.CharField(required=False, help_text=_TEAM)


class TokenOutput(serializers.Serializer[Any]):
    """An issued token (RFC 6749, section 5.1; RFC 8693, section 2.2.1)."""

    access_token = serializers.CharField()
    issued_token_type = serializers.CharField(required=False, help_text="Token exchange only.")
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField()


class OAuthErrorOutput(serializers.Serializer[Any]):
    """An error in OAuth's own shape (RFC 6749, section 5.2)."""

    error = serializers.CharField()
    error_description = serializers.CharField()


class KeyOutput(serializers.Serializer[Any]):
    """A public key (RFC 8037)."""

    kty = serializers.CharField()
    crv = serializers.CharField()
    x = serializers.CharField()
    kid = serializers.CharField()
    use = serializers.CharField()
    alg = serializers.CharField()


class KeySetOutput(serializers.Serializer[Any]):
    """The keys that verify Cockpit's tokens (RFC 7517)."""

    keys = KeyOutput(many=True)


class SessionTokenInput(Input):
    """What a page may choose about its token."""

    team = serializers.CharField(required=False, max_length=120, help_text=_TEAM)


class SessionTokenOutput(serializers.Serializer[Any]):
    """A token for a page's own calls to the gateway."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    gateway_url = serializers.URLField()
