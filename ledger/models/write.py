"""Rows that commands change: accounts with their counters, and the journal, which only grows."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self
from uuid import UUID

import msgspec
import pgtrigger
from django.db import connection, models
from django.db.models import F, Max, Q, Sum
from django.db.models.expressions import RawSQL

from ledger.domain import AccountState, HoldState, accounts, holds
from ledger.events import AccountOpened, HoldPlaced, TransactionPosted
from ledger.events import Entry as PostedEntry
from ledger.models.constraints import (
    append_only,
    balanced,
    begins_pending,
    counters_never_fall,
    ends_once,
    floor,
    identity,
    never_deleted,
    posted_by_its_transaction,
    reversed_once,
)

COUNTERS = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
NUMBERS = ("credit_limit", *COUNTERS)
HELD_NUMBERS = ("amount", "posted_amount", "released_amount")
ON_TRANSACTIONS = ("external_id", "kind", "effective_at", "recorded_at", "description", "reverses_id", "hold_id")
DEBIT_KINDS = ["asset", "expense"]


class AccountQuerySet(models.QuerySet["Account"]):
    def named(self, references: Iterable[UUID | str]) -> Self:
        """The accounts with these ids or codes."""
        told = set(references)
        ids = [reference for reference in told if isinstance(reference, UUID)]
        return self.filter(Q(pk__in=ids) | Q(code__in=[reference for reference in told if isinstance(reference, str)]))

    def locked(self, references: Iterable[UUID | str]) -> list["Account"]:
        """The accounts with these ids or codes; those that are locked under a row lock, in one order for everybody."""
        found = self.named(references)
        rows = found.filter(posting_mode="locked").order_by("pk").select_for_update(no_key=True)
        return [*rows, *found.filter(posting_mode="deferred")]


class Account(models.Model):
    """An account as the last command left it. A deferred one never changes: its balance is the sum of its entries."""

    id = models.UUIDField(primary_key=True)
    code = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    exponent = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10)
    normal_side = models.CharField(max_length=1)
    contra = models.BooleanField()
    credit_limit = models.DecimalField(max_digits=38, decimal_places=0, null=True)
    posting_mode = models.CharField(max_length=8)
    owner_ref = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "nobody", "" would be a reference
    debits_posted = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    credits_posted = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    debits_pending = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    credits_pending = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    recorded_at = models.DateTimeField(null=True, help_text="Of the newest entry; the next one is later.")
    version = models.PositiveIntegerField(default=0)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code"], name="one_account_per_code"),
            models.UniqueConstraint(fields=["id", "currency"], name="one_currency_per_account"),
            models.CheckConstraint(
                condition=Q(kind__in=DEBIT_KINDS, normal_side="D", contra=False)
                | Q(kind__in=DEBIT_KINDS, normal_side="C", contra=True)
                | Q(kind__in=["liability", "income", "equity"], normal_side="C", contra=False)
                | Q(kind__in=["liability", "income", "equity"], normal_side="D", contra=True),
                name="normal_side_follows_kind",
            ),
            models.CheckConstraint(
                condition=Q(posting_mode="locked")
                | Q(posting_mode="deferred", credit_limit=None, debits_posted=0, credits_posted=0, debits_pending=0, credits_pending=0),
                name="a_deferred_account_has_no_floor_and_no_counters",
            ),
            models.CheckConstraint(
                condition=Q(debits_posted__gte=0, credits_posted__gte=0, debits_pending__gte=0, credits_pending__gte=0),
                name="counters_are_not_negative",
            ),
        ]
        triggers: ClassVar = [floor, counters_never_fall, identity, never_deleted]

    def __str__(self) -> str:
        return self.code

    @property
    def stream(self) -> str:
        return accounts.stream(self.id)

    @property
    def state(self) -> AccountState:
        """What the rules need to know."""
        told = {name: getattr(self, name) for name in AccountState.__struct_fields__ if name != "account_id"}
        told |= {name: int(told[name]) for name in NUMBERS if told[name] is not None}
        return AccountState(account_id=self.id, **told)

    @property
    def balance(self) -> AccountState:
        """The state with its counters, for a deferred account summed up from its entries and pending holds."""
        if self.posting_mode == "locked":
            return self.state
        sums = dict(self.entries.order_by().values_list("side").annotate(sum=Sum("amount")))
        posted = {"debits_posted": int(sums.get("D", 0)), "credits_posted": int(sums.get("C", 0))}
        return msgspec.structs.replace(self.state, **posted, **self._pending(Q(state="pending")))

    def balance_until(self, at: datetime) -> AccountState:
        """The state of a deferred account as of a time, summed up from what was recorded and pending by then."""
        entries = self.entries.order_by().filter(transaction__recorded_at__lte=at)
        sums = {
            side: (total, newest)
            for side, total, newest in entries.values_list("side").annotate(Sum("amount"), Max("transaction__recorded_at"))
        }
        debits, credits = (int(sums[side][0]) if side in sums else 0 for side in ("D", "C"))
        newest = max((newest for _, newest in sums.values()), default=None)
        pending = self._pending(Q(placed_at__lte=at) & (Q(ended_at=None) | Q(ended_at__gt=at)))
        return msgspec.structs.replace(self.state, debits_posted=debits, credits_posted=credits, recorded_at=newest, **pending)

    @classmethod
    def opened(cls, event: AccountOpened) -> tuple["Account", bool]:
        """The row of an opened account, and whether nobody else was first."""
        state = accounts.fold([event])
        told = {name: value for name, value in msgspec.structs.asdict(state).items() if name not in ("account_id", "code")}
        return cls.objects.get_or_create(code=event.code, defaults={"id": event.account_id, **told})

    def _pending(self, then: Q) -> dict[str, int]:
        out = self.holds_out_of.order_by().filter(then).aggregate(sum=Sum("amount"))["sum"]
        into = self.holds_into.order_by().filter(then).aggregate(sum=Sum("amount"))["sum"]
        return {"debits_pending": int(out or 0), "credits_pending": int(into or 0)}

    def keep(self, state: AccountState) -> None:
        """Save what a posting or a hold made of the account."""
        changed = (*COUNTERS, "recorded_at", "version")
        for name in changed:
            setattr(self, name, getattr(state, name))
        self.save(force_update=True, update_fields=changed)


class HoldQuerySet(models.QuerySet["Hold"]):
    def recorded_as(self, external_id: str, hold_id: UUID) -> list["Hold"]:
        """The holds that have this external id (first) or this id."""
        return sorted(self.filter(Q(external_id=external_id) | Q(pk=hold_id)), key=lambda hold: hold.external_id != external_id)

    def pending(self) -> Self:
        """Those that have not ended."""
        return self.filter(state="pending")

    def due(self, limit: int) -> list[UUID]:
        """Those whose time is over, by the database's clock; the oldest first."""
        over = self.pending().filter(expires_at__lte=RawSQL("clock_timestamp()", []))
        return [*over.order_by("expires_at").values_list("pk", flat=True)[:limit]]


class Hold(models.Model):
    """Money that is kept ready between two accounts: pending, until it is posted, voided or expired, once."""

    id = models.UUIDField(primary_key=True)
    external_id = models.CharField(max_length=200)
    purpose = models.CharField(max_length=40)
    # The database's own keys are on account and currency together, see migration 0004.
    debit_account = models.ForeignKey(Account, models.PROTECT, related_name="holds_out_of", db_index=False, db_constraint=False)
    credit_account = models.ForeignKey(Account, models.PROTECT, related_name="holds_into", db_index=False, db_constraint=False)
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    currency = models.CharField(max_length=3)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, help_text="Never, when there is none.")
    state = models.CharField(max_length=7, default="pending")
    ended_at = models.DateTimeField(null=True)
    transaction_id = models.UUIDField(null=True, help_text="The transaction that posted it.")
    posted_amount = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    released_amount = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    reason = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none was given"
    version = models.PositiveIntegerField(default=1)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["external_id"], name="one_hold_per_external_id"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lt=10**30), name="a_hold_is_above_zero"),
            models.CheckConstraint(condition=~Q(debit_account=F("credit_account")), name="a_hold_is_between_two_accounts"),
            models.CheckConstraint(
                condition=Q(state="pending", ended_at=None, posted_amount=0, released_amount=0)
                | Q(state="posted", ended_at__isnull=False, posted_amount__gt=0, released_amount=F("amount") - F("posted_amount"))
                | Q(state__in=["voided", "expired"], ended_at__isnull=False, posted_amount=0, released_amount=F("amount")),
                name="a_hold_releases_the_rest",
            ),
            models.CheckConstraint(condition=Q(released_amount__gte=0), name="a_hold_releases_no_less_than_nothing"),
            models.CheckConstraint(
                condition=Q(state="posted", transaction_id__isnull=False) | (~Q(state="posted") & Q(transaction_id=None)),
                name="a_posted_hold_names_its_transaction",
            ),
            models.CheckConstraint(
                condition=~Q(state="posted") | Q(expires_at=None) | Q(ended_at__lt=F("expires_at")), name="a_hold_is_posted_in_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="expired") | Q(expires_at__isnull=False, ended_at__gte=F("expires_at")),
                name="a_hold_does_not_expire_early",
            ),
        ]
        # What has ended costs those that look for what waits nothing.
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="holds_by_expiry"),
            models.Index(fields=["debit_account"], condition=Q(state="pending"), name="pending_out_of_account"),
            models.Index(fields=["credit_account"], condition=Q(state="pending"), name="pending_into_account"),
        ]
        triggers: ClassVar = [
            never_deleted,
            begins_pending,
            ends_once,
            posted_by_its_transaction("NEW.id", "NEW.transaction_id", pgtrigger.Update, pgtrigger.Q(new__state="posted")),
        ]

    def __str__(self) -> str:
        return f"{self.state} hold {self.external_id}"

    @property
    def stream(self) -> str:
        return holds.stream(self.id)

    @property
    def told(self) -> HoldState:
        """What the rules need to know."""
        told = {name: getattr(self, name) for name in HoldState.__struct_fields__ if name != "hold_id"}
        return HoldState(hold_id=self.id, **told | {name: int(told[name]) for name in HELD_NUMBERS})

    @classmethod
    def placed(cls, event: HoldPlaced) -> "Hold":
        """Write the row of a hold that was placed."""
        told = msgspec.structs.asdict(holds.fold([event]))
        return cls.objects.create(id=told.pop("hold_id"), **told)

    def keep(self, state: HoldState) -> None:
        """Save how the hold ended."""
        changed = ("state", "ended_at", "transaction_id", "posted_amount", "released_amount", "reason", "version")
        for name in changed:
            setattr(self, name, getattr(state, name))
        self.save(force_update=True, update_fields=changed)


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def recorded_as(self, external_id: str, transaction_id: UUID) -> list["Transaction"]:
        """The transactions that have this external id (first) or this id, with their entries."""
        found = self.filter(Q(external_id=external_id) | Q(pk=transaction_id)).prefetch_related("entries__account")
        return sorted(found, key=lambda transaction: transaction.external_id != external_id)

    def with_reversals(self, transaction_id: UUID) -> list["Transaction"]:
        """A transaction under a row lock, and those that took it back; nothing when it is not there."""
        if not self.filter(pk=transaction_id).select_for_update(no_key=True).exists():
            return []
        return [*self.filter(Q(pk=transaction_id) | Q(reverses=transaction_id)).prefetch_related("entries__account")]


class Transaction(models.Model):
    """One line of the journal, with its entries. Insert only: a trigger refuses everything else."""

    id = models.UUIDField(primary_key=True)
    external_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)
    effective_at = models.DateTimeField(help_text="When it counts in business.")
    recorded_at = models.DateTimeField(help_text="When it was written down, by the database's clock, after the accounts were locked.")
    description = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null is "none was given"
    reverses = models.ForeignKey("self", models.PROTECT, null=True, related_name="reversals", db_index=False)
    hold = models.ForeignKey(Hold, models.PROTECT, null=True, related_name="transactions", db_index=False)
    unheld = models.DecimalField(max_digits=38, decimal_places=0, null=True, help_text="What is no longer pending.")

    objects = TransactionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["external_id"], name="one_transaction_per_external_id"),
            models.UniqueConstraint(fields=["hold"], condition=Q(hold__isnull=False), name="a_hold_is_posted_once"),
            models.CheckConstraint(condition=Q(reverses=None) | Q(kind="reversal"), name="what_reverses_is_a_reversal"),
            models.CheckConstraint(condition=Q(hold=None, unheld=None) | Q(hold__isnull=False, unheld__gt=0), name="a_hold_is_unheld"),
        ]
        indexes: ClassVar = [models.Index(fields=["reverses"], condition=Q(reverses__isnull=False), name="reversals_of_transaction")]
        triggers: ClassVar = [
            append_only,
            balanced("NEW.id"),
            reversed_once,
            posted_by_its_transaction("NEW.hold_id", "NEW.id", pgtrigger.Insert, pgtrigger.Q(new__hold__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"

    @classmethod
    def record(cls, event: TransactionPosted) -> "Transaction":
        """Write a transaction and its entries into the journal."""
        told = {field: getattr(event, field) for field in ON_TRANSACTIONS}
        transaction = cls.objects.create(id=event.transaction_id, unheld=event.unheld, **told)
        columns = ("account_id", "side", "amount", "currency", "account_version", "balance_after")
        Entry.objects.bulk_create(
            [Entry(transaction=transaction, **{name: getattr(entry, name) for name in columns}) for entry in event.entries]
        )
        return transaction

    @property
    def version(self) -> int:
        """Of the stream transaction-<id>: this transaction, when no account of it is locked, and each reversal of it."""
        posted = 0 if self.entries.filter(account_version__isnull=False).exists() else 1
        return posted + self.reversals.count()

    @property
    def posted(self) -> TransactionPosted:
        """The event that this row must equal."""
        told = {field: getattr(self, field) for field in ON_TRANSACTIONS} | {
            "transaction_id": self.id,
            "entries": [entry.posted for entry in sorted(self.entries.all(), key=lambda entry: entry.pk)],
            "unheld": None if self.unheld is None else str(int(self.unheld)),
        }
        return msgspec.convert(told, TransactionPosted)


class Entry(models.Model):
    """One debit or credit. Its own id only keeps the order in which a transaction names its entries."""

    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="entries", db_index=False)
    # The database's own key is on account and currency together, see migration 0002.
    account = models.ForeignKey(Account, models.PROTECT, related_name="entries", db_index=False, db_constraint=False)
    side = models.CharField(max_length=1)
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    currency = models.CharField(max_length=3)
    account_version = models.PositiveIntegerField(null=True)
    balance_after = models.DecimalField(max_digits=38, decimal_places=0, null=True)

    class Meta:
        verbose_name_plural = "entries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lt=10**30), name="an_entry_is_above_zero"),
            models.CheckConstraint(condition=Q(side__in=["D", "C"]), name="an_entry_is_debit_or_credit"),
            models.UniqueConstraint(fields=["account", "account_version"], name="one_entry_per_account_version"),
            models.UniqueConstraint(fields=["transaction", "account"], name="a_transaction_touches_an_account_once"),
        ]
        triggers: ClassVar = [append_only, balanced("NEW.transaction_id")]

    def __str__(self) -> str:
        return f"{self.side} {self.amount} {self.currency}"

    @property
    def posted(self) -> PostedEntry:
        """The entry as its event tells it."""
        told = {
            "account_id": self.account_id,
            "account_code": self.account.code,
            "side": self.side,
            "amount": str(int(self.amount)),
            "currency": self.currency,
            "account_version": self.account_version,
            "balance_after": None if self.balance_after is None else str(int(self.balance_after)),
        }
        return msgspec.convert(told, PostedEntry)


def moment_after(rows: Iterable[Account]) -> datetime:
    """The database's time now, and in any case later than the newest entry of these accounts.

    Asked after they were locked: now() is the transaction's start, and of 800 contended entries 318 came out of order by it.
    Asked by a transaction that has its id, also where there was nothing to lock: until it ends, no balance of that time is final.
    """
    newest = max((row.recorded_at for row in rows if row.recorded_at), default=datetime.min.replace(tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id(), greatest(clock_timestamp(), %s)", [newest + timedelta(microseconds=1)])
        moment: datetime = cursor.fetchone()[1]
    return moment
