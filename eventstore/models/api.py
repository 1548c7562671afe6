"""The rows of the REST door: who may come in, and what was answered before."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from rest_framework_api_key.models import AbstractAPIKey


class ApiKey(AbstractAPIKey):
    """A key of a client. Two keys of one name are one client that is changing its key."""

    scopes = ArrayField(models.CharField(max_length=60), default=list, help_text="What the key may do, such as orders:write; * is all.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="Coarse: written at most every ten minutes.")

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def prune(self, batch: int = 1000) -> int:
        """Forget a batch of answers whose time is over; return how many."""
        expired = self.filter(expires_at__lt=Now()).order_by("expires_at").values("pk")[:batch]
        return self.filter(pk__in=list(expired.values_list("pk", flat=True))).delete()[0]


class IdempotencyKey(models.Model):
    """What was answered to a request with a key: a repetition gets the same answer."""

    id = models.UUIDField(primary_key=True, help_text="Digest of scope and key.")
    scope = models.TextField(help_text="Caller, method and path: nobody reads another caller's answers.")
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32, help_text="Digest of the canonical body.")
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField()
    event_ids = ArrayField(models.UUIDField(), default=list, help_text="The last event in each partition: Event-Position comes from it.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        # Rows arrive in the order in which they expire: a block index costs next to nothing on the write path.
        indexes: ClassVar = [BrinIndex(fields=["expires_at"], autosummarize=True, name="idempotency_keys_by_expiry")]

    def __str__(self) -> str:
        return f"{self.key} of {self.scope}"
