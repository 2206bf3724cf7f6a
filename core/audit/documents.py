"""An audit entry as other programs read it: in files, over REST, in webhooks."""

from typing import Any

from core.audit import verbs
from core.audit.models import AuditEntry


def as_document(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as other programs read it."""
    return {
        "id": str(entry.pk),
        "created_at": entry.created_at.isoformat().replace("+00:00", "Z"),
        "product": entry.product,
        "category": verbs.category_of(entry.verb),
        "verb": entry.verb,
        "sentence": entry.sentence,
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "label": entry.actor_label},
        "on_behalf_of": entry.on_behalf_of,
        "target": {"kind": entry.target_kind, "id": entry.target_id, "label": entry.target_label},
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "address": entry.address,
    }
