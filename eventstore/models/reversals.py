"""The rows of reversals: which events were taken back, each once."""

from django.db import models
from django.db.models.functions import Now


class ReversedEvent(models.Model):
    """An event that a compensating command took back. Its id is the key: two who reverse it at once reverse it once."""

    event_id = models.UUIDField(primary_key=True)
    command = models.CharField(max_length=120)
    by = models.JSONField(default=list, help_text="The events that followed, each with the fact `reverses`.")
    reason = models.TextField()
    actor = models.CharField(max_length=200)
    reversed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.event_id} reversed by {self.command}"
