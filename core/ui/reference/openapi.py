"""Reads an OpenAPI document into what the reference page shows."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from core.kit.problems import NotFound

# Deeper than any of our shapes, and an end to one that contains itself.
DEEPEST = 6
# What only the platform's own host serves.
_PLATFORM = "superadmin-"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, or one parameter. `depth` is how far it is nested."""

    name: str
    kind: str
    is_required: bool
    note: str
    depth: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent or answered: its fields, and an example as JSON."""

    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation."""

    status: str
    note: str
    body: Body

    @property
    def is_success(self) -> bool:
        """Whether the call did what it was sent for."""
        return self.status.startswith("2")


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint with one method."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    body: Body | None
    answers: tuple[Answer, ...]
    refusals: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """One API, its operations by tag."""

    name: str
    title: str
    description: str
    groups: tuple[tuple[str, tuple[Operation, ...]], ...]


def names(*, of_platform: bool) -> list[str]:
    """Return the documents of the platform's host, or of an account's, the products' first."""
    found = sorted(path.stem for path in _folder().glob("*.yaml"))
    shown = [name for name in found if name.startswith(_PLATFORM) == of_platform]
    return sorted(shown, key=lambda name: (name.startswith("auth"), name))


def text_of(name: str, *, of_platform: bool) -> str:
    """Return a document as it stands in the repository.

    Raises:
        NotFound: the host has none of this name.
    """
    if name not in names(of_platform=of_platform):
        raise NotFound("There is no such API.")
    return (_folder() / f"{name}.yaml").read_text()


def reference_of(name: str, *, of_platform: bool) -> Reference:
    """Return a document as the page shows it.

    Raises:
        NotFound: the host has none of this name.
    """
    return _read(name, text_of(name, of_platform=of_platform))


def _folder() -> Path:
    return Path(settings.ROOT) / "docs" / "api"


@lru_cache(maxsize=8)
def _read(name: str, text: str) -> Reference:
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            operation = _operation(document, path, method, described)
            groups.setdefault(described.get("tags", ["Other"])[0], []).append(operation)
    return Reference(
        name=name,
        title=document["info"]["title"],
        description=document["info"].get("description", ""),
        groups=tuple((tag, tuple(found)) for tag, found in groups.items()),
    )


def _operation(
    document: Mapping[str, Any], path: str, method: str, described: Mapping[str, Any]
) -> Operation:
    answers = tuple(
        Answer(status, answer.get("description", ""), _body(document, answer))
        for status, answer in described["responses"].items()
    )
    sent = described.get("requestBody")
    return Operation(
        id=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described.get("summary", described["operationId"]),
        description=described.get("description", ""),
        parameters=tuple(_parameter(document, one) for one in described.get("parameters", ())),
        body=_body(document, sent) if sent else None,
        answers=tuple(answer for answer in answers if answer.status < "4"),
        refusals=tuple(answer for answer in answers if answer.status >= "4"),
    )


def _parameter(document: Mapping[str, Any], described: Mapping[str, Any]) -> Field:
    schema = described.get("schema", {})
    return Field(
        name=described["name"],
        kind=_kind(document, schema),
        is_required=described.get("required", False),
        note=described.get("description", "") or schema.get("description", ""),
        place=described["in"],
    )


def _body(document: Mapping[str, Any], described: Mapping[str, Any]) -> Body:
    for content in described.get("content", {}).values():
        examples: dict[str, dict[str, Any]] = content.get("examples", {})
        first = next(iter(examples.values()), {}).get("value")
        example = "" if first is None else json.dumps(first, indent=2, ensure_ascii=False)
        return Body(tuple(_fields(document, content.get("schema", {}))), example)
    return Body((), "")


def _fields(
    document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0
) -> Iterator[Field]:
    schema = _resolved(document, schema)
    required = set(schema.get("required", ()))
    for name, inner in schema.get("properties", {}).items():
        shape = _resolved(document, inner)
        yield Field(
            name=name,
            kind=_kind(document, inner),
            is_required=name in required,
            note=inner.get("description", "") or shape.get("description", ""),
            depth=depth,
        )
        if depth < DEEPEST:
            yield from _fields(document, shape.get("items", shape), depth + 1)


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return the type of a value in words: `uuid`, `one of a, b`, `list of string or null`."""
    shape = _resolved(document, schema)
    if "enum" in shape:
        return f"one of {', '.join(str(one) for one in shape['enum'] if one is not None)}"
    kinds = shape.get("type", "object" if "properties" in shape else "")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    named = [shape.get("format", kind) if kind == "string" else kind for kind in kinds]
    if "array" in kinds:
        inner = _kind(document, shape.get("items", {}))
        named = [f"list of {inner}" if kind == "array" else kind for kind in named]
    return " or ".join(kind for kind in named if kind) or "object"


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference stands for; of alternatives, the one that is not null."""
    for together in ("allOf", "oneOf", "anyOf"):
        for one in schema.get(together, ()):
            if one.get("type") != "null":
                return _resolved(document, one)
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Any = document
    for step in str(reference).removeprefix("#/").split("/"):
        found = found[step]
    return _resolved(document, found)
