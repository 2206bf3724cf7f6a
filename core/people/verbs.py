"""What the audit log says of imports and of acts on a selection."""

from core.audit.verbs import register

IMPORTED = register("people.imported", "{actor} started the import of {target}", icon="upload_file")
ACTED = register("people.acted", "{actor} started: {target}", icon="group")
