"""Speaks to one product's REST API as somebody."""

from typing import Any

from core.hierarchy.product import Product
from tests.clients import AccountClient

JSON = "application/json"


class Rest:
    """A client at `/api/<product>/v1/`. Answers are Django's, with `json()`."""

    def __init__(self, client: AccountClient, product: Product) -> None:
        self.client = client
        self.at = f"/api/{product.slug}/v1"

    def get(self, path: str, query: dict[str, Any] | None = None, /, **headers: str) -> Any:
        return self.client.get(f"{self.at}/{path}", query, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        body = {} if body is None else body
        return self.client.post(f"{self.at}/{path}", body, content_type=JSON, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.patch(f"{self.at}/{path}", body, content_type=JSON, headers=headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.put(f"{self.at}/{path}", body, content_type=JSON, headers=headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.client.delete(f"{self.at}/{path}", headers=headers)


def refused(response: Any) -> tuple[int, str]:
    """Return status and code of a problem document."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    return response.status_code, body["code"]


def faults(response: Any) -> list[tuple[str, str]]:
    """Return where the faults of a refused input are, and their codes."""
    assert response.status_code == 422, response.content
    return [
        (fault.get("pointer", f"?{fault.get('parameter')}"), fault["code"])
        for fault in response.json()["errors"]
    ]
