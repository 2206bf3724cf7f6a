"""How the token endpoints are described in their OpenAPI document, with an example of each."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from core.api.auth import grants
from core.api.auth.serializers import (
    KeySetOutput,
    OAuthErrorOutput,
    SessionTokenInput,
    SessionTokenOutput,
    TokenForm,
    TokenOutput,
)
from core.api.serializers import ProblemOutput

_PROBLEM = "application/problem+json"

token = extend_schema(
    operation_id="token",
    summary="Obtain a token as a client app",
    tags=["Tokens"],
    auth=[{"clientBasic": []}, {}],
    parameters=[
        OpenApiParameter(
            "X-Cockpit-Account",
            location=OpenApiParameter.HEADER,
            description="The account's short name; at the public host only.",
        )
    ],
    request={"application/x-www-form-urlencoded": TokenForm},
    responses={
        200: TokenOutput,
        400: OAuthErrorOutput,
        401: OAuthErrorOutput,
        403: OAuthErrorOutput,
        429: OAuthErrorOutput,
    },
    examples=[
        OpenApiExample(
            "For the client itself",
            request_only=True,
            media_type="application/x-www-form-urlencoded",
            value={
                "grant_type": grants.CLIENT_CREDENTIALS,
                "client_id": "app_4fGh7KmNpQrStUvWxYz2",
                "client_secret": "(shown once)",
            },
        ),
        OpenApiExample(
            "For a member",
            request_only=True,
            media_type="application/x-www-form-urlencoded",
            value={
                "grant_type": grants.TOKEN_EXCHANGE,
                "client_id": "app_4fGh7KmNpQrStUvWxYz2",
                "client_secret": "(shown once)",
                "subject_token": "eyJhbGciOiJIUzI1NiJ9.…",
                "subject_token_type": grants.TYPE_JWT,
            },
        ),
        OpenApiExample(
            "A user token",
            response_only=True,
            status_codes=["200"],
            value={
                "access_token": "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.…",
                "issued_token_type": grants.TYPE_ACCESS_TOKEN,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "gateway runtime",
            },
        ),
        OpenApiExample(
            "Used twice",
            response_only=True,
            status_codes=["400"],
            value={
                "error": "invalid_grant",
                "error_description": "The assertion was used before. Sign a new one.",
            },
        ),
        OpenApiExample(
            "Wrong secret",
            response_only=True,
            status_codes=["401"],
            value={
                "error": "invalid_client",
                "error_description": "The client is unknown or its secret is wrong.",
            },
        ),
        OpenApiExample(
            "Suspended",
            response_only=True,
            status_codes=["403"],
            value={
                "error": "access_denied",
                "error_description": "This account is suspended.",
            },
        ),
    ],
)

key_set = extend_schema(
    operation_id="jwks",
    summary="The keys that verify Cockpit's tokens",
    tags=["Tokens"],
    auth=[],
    responses={200: KeySetOutput},
    examples=[
        OpenApiExample(
            "One key",
            value={
                "keys": [
                    {
                        "kty": "OKP",
                        "crv": "Ed25519",
                        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                        "kid": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c",
                        "use": "sig",
                        "alg": "EdDSA",
                    }
                ]
            },
        )
    ],
)

session_token = extend_schema(
    summary="A page's token for the gateway",
    tags=["Tokens"],
    request=SessionTokenInput,
    responses={
        200: SessionTokenOutput,
        (400, _PROBLEM): ProblemOutput,
        (401, _PROBLEM): ProblemOutput,
        (403, _PROBLEM): ProblemOutput,
        (413, _PROBLEM): ProblemOutput,
        (415, _PROBLEM): ProblemOutput,
        (422, _PROBLEM): ProblemOutput,
    },
    examples=[
        OpenApiExample("In a team", request_only=True, value={"team": "Content"}),
        OpenApiExample(
            "A token",
            response_only=True,
            status_codes=["200"],
            value={
                "access_token": "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.…",
                "token_type": "Bearer",
                "expires_in": 300,
                "gateway_url": "http://localhost:8001",
            },
        ),
    ],
)
