"""Commands: intentions that may be refused."""

from eventstore.messages.events import Value


class Command(Value, forbid_unknown_fields=True):
    """Something somebody wants. Refuses unknown fields: a misspelt wish is not silently dropped."""
