"""What others may listen to, who stand above and so cannot be called."""

from django.dispatch import Signal

# Sent inside the transaction that gives a role, with `assignment` and `actor`.
role_given = Signal()
