"""Anchoring audit chains: their heads, kept outside of the schema that they are in."""

import structlog

from core.audit.sealing import Head, head
from core.tenancy.context import current_schema, in_public
from tenants.models import AuditAnchor

log = structlog.get_logger(__name__)


def anchor_chain() -> Head:
    """Keep the head of the current schema's chain, in the public schema and as a line of the log.

    The log leaves this database, so that not even who may write everywhere in it can hide a cut.
    Doing it again while nothing was sealed changes nothing.
    """
    schema, found = current_schema(), head()
    if found.sequence == 0:
        return found
    with in_public():
        _anchor, is_new = AuditAnchor.objects.get_or_create(
            schema_name=schema, sequence=found.sequence, defaults={"chain": found.chain}
        )
    if is_new:
        log.info("audit_anchored", schema=schema, sequence=found.sequence, chain=found.chain.hex())
    return found


def anchors_of(schema: str) -> list[Head]:
    """Return the kept heads of one schema's chain, the oldest first."""
    with in_public():
        rows = AuditAnchor.objects.filter(schema_name=schema).order_by("sequence")
        return [
            Head(sequence, bytes(chain))
            for sequence, chain in rows.values_list("sequence", "chain")
        ]
