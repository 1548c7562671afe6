"""Rows that projections fill: what the outside may ask about money."""

from typing import ClassVar

from django.db import models


class Balance(models.Model):
    """What an account has, as far as this read table has come."""

    account_id = models.UUIDField(primary_key=True)
    code = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    exponent = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=10, default="")
    normal_side = models.CharField(max_length=1, default="", help_text="Empty until the opening was seen.")
    posting_mode = models.CharField(max_length=8, default="")
    owner_ref = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "nobody"
    credit_limit = models.DecimalField(max_digits=38, decimal_places=0, null=True)
    debits_posted = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    credits_posted = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    debits_pending = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    credits_pending = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    version = models.PositiveIntegerField(default=0)
    recorded_at = models.DateTimeField(help_text="Of the newest event in it.")
    position = models.CharField(max_length=30, help_text="Of the newest event in it, as an Event-Position tells it.")

    def __str__(self) -> str:
        return f"balance of {self.code}"

    # Figures are added up as int: Decimal rounds to the 28 digits of its context.
    @property
    def posted(self) -> int:
        """Positive on the normal side."""
        more = int(self.credits_posted) - int(self.debits_posted)
        return more if self.normal_side == "C" else -more

    @property
    def pending_out(self) -> int:
        return int(self.debits_pending if self.normal_side == "C" else self.credits_pending)

    @property
    def pending_in(self) -> int:
        return int(self.credits_pending if self.normal_side == "C" else self.debits_pending)

    @property
    def available(self) -> int | None:
        """What may still go out; None when there is no floor."""
        return None if self.credit_limit is None else self.posted - self.pending_out + int(self.credit_limit)


class StatementLine(models.Model):
    """One entry of an account with the balance it left."""

    key = models.CharField(primary_key=True, max_length=90, db_collation="C", help_text="account:version:transaction, in order.")
    account_id = models.UUIDField()
    account_version = models.PositiveIntegerField(default=0, help_text="0 for an account that keeps no running balance.")
    transaction_id = models.UUIDField()
    external_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    side = models.CharField(max_length=1)
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    currency = models.CharField(max_length=3)
    balance_after = models.DecimalField(max_digits=38, decimal_places=0, null=True)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    description = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none was given"

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account_id", "-key"], name="statement_of_account")]

    def __str__(self) -> str:
        return f"{self.side} {self.amount} {self.currency}"


class OpenHold(models.Model):
    """Money that is kept ready now. What has ended is not here."""

    hold_id = models.UUIDField(primary_key=True)
    external_id = models.CharField(max_length=200)
    purpose = models.CharField(max_length=40)
    debit_account_id = models.UUIDField()
    debit_account = models.CharField(max_length=120)
    credit_account_id = models.UUIDField()
    credit_account = models.CharField(max_length=120)
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    currency = models.CharField(max_length=3)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["debit_account_id", "hold_id"], name="open_holds_out_of_account"),
            models.Index(fields=["credit_account_id", "hold_id"], name="open_holds_into_account"),
        ]

    def __str__(self) -> str:
        return f"hold {self.external_id}"
