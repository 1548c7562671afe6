"""What staff see of money: accounts with what they have, the journal and its entries, and holds. Nobody edits any of it.

Money is released and transactions are taken back by commands, with a reason.
"""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from eventstore.clock import new_id
from eventstore.console import Act, Asked, Choice, Field, Find, Outcome, ReadOnlyAdmin, id_in, moment, money, pill, stream_url
from ledger.commands import ReverseTransaction, VoidHold
from ledger.domain import accounts, holds, remaining
from ledger.handlers import end_hold
from ledger.handlers import reverse as take_back
from ledger.models import Account, Balance, Entry, Hold, OpenHold, Transaction
from ledger.queries import open_holds_of, statement_of

SIDES = {"D": "debit", "C": "credit"}
LINES = 50  #: of the statement that an account's page shows


class ModeFilter(Choice):
    title = "posting"
    parameter_name = "posting"
    options = (("locked", "Locked"), ("deferred", "Deferred"))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(posting_mode=self.value()) if self.value() else queryset


class KindFilter(Choice):
    title = "kind"
    parameter_name = "kind"
    options = (("credit", "Credits"), ("withdrawal", "Withdrawals"), ("transfer", "Transfers"), ("reversal", "Reversals"))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class StateFilter(Choice):
    title = "state"
    parameter_name = "state"
    options = (("pending", "Pending"), ("posted", "Posted"), ("voided", "Voided"), ("expired", "Expired"))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(Balance)
class AccountAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Business", "a", "Accounts"
    list_display = ("code", "kind", "posted_number", "pending_number", "limit_number", "available_number", "mode_", "version", "changed_")
    list_filter = (ModeFilter,)
    search_fields = ("code",)
    search_help_text = "account id or code, exactly"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        asked = id_in(text)
        found = Q(code=text) | Q(pk=asked) if asked else Q(code=text)
        return (queryset.filter(found) if text else queryset), False

    @admin.display(description="balance")
    def posted_number(self, balance: Balance) -> str:
        return money(balance.posted, balance.currency)

    @admin.display(description="pending out")
    def pending_number(self, balance: Balance) -> str:
        return money(balance.pending_out, balance.currency) if balance.pending_out else ""

    @admin.display(description="credit limit")
    def limit_number(self, balance: Balance) -> str:
        return "no floor" if balance.credit_limit is None else money(balance.credit_limit, balance.currency)

    @admin.display(description="available")
    def available_number(self, balance: Balance) -> str:
        return "" if balance.available is None else money(balance.available, balance.currency)

    @admin.display(description="posting")
    def mode_(self, balance: Balance) -> str:
        return pill(balance.posting_mode) if balance.posting_mode else ""

    @admin.display(description="changed")
    def changed_(self, balance: Balance) -> str:
        return moment(balance.recorded_at, relative=True)

    def detail(self, request: HttpRequest, row: Balance) -> dict[str, Any]:
        stream = accounts.stream(row.account_id)
        written = Account.objects.filter(pk=row.pk).values_list("version", flat=True).first() or row.version
        return {
            "title": f"Account {row.code}",
            "lines": statement_of(row.account_id).order_by("-key")[:LINES],
            "holds": _pending_in(row),
            "stream": stream,
            "stream_url": stream_url(stream),
            "unseen": max(0, written - row.version),
        }

    def find(self, text: str) -> list[Find]:
        asked = id_in(text.removeprefix("account-"))
        found = Balance.objects.filter(Q(code=text) | Q(pk__in=[asked] if asked else []))
        return [Find("account", row.code, self.url_of(row.pk), money(row.posted, row.currency)) for row in found]


@admin.register(Transaction)
class JournalAdmin(ReadOnlyAdmin):
    section, shortcut, label = "Business", "j", "Journal"
    list_display = ("external_id", "kind_", "debits_", "credits_", "effective_", "recorded_", "description")
    list_filter = (KindFilter,)
    search_fields = ("external_id",)
    search_help_text = "transaction id or external id, exactly"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("entries__account")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        asked = id_in(text)
        found = Q(external_id=text) | Q(pk=asked) if asked else Q(external_id=text)
        return (queryset.filter(found) if text else queryset), False

    @admin.display(description="kind")
    def kind_(self, row: Transaction) -> str:
        return pill(row.kind)

    @admin.display(description="debit")
    def debits_(self, row: Transaction) -> SafeString:
        return _side(row, "D")

    @admin.display(description="credit")
    def credits_(self, row: Transaction) -> SafeString:
        return _side(row, "C")

    @admin.display(description="effective (UTC)")
    def effective_(self, row: Transaction) -> str:
        return moment(row.effective_at)

    @admin.display(description="recorded")
    def recorded_(self, row: Transaction) -> str:
        return moment(row.recorded_at, relative=True)

    def detail(self, request: HttpRequest, row: Transaction) -> dict[str, Any]:
        home = row.posted.home
        stream = accounts.stream(home.account_id) if home else f"transaction-{row.pk}"
        version = home.account_version if home else 1
        entries = row.entries.select_related("account").order_by("pk")
        return {
            "title": f"Transaction {row.external_id}",
            "entries": [{"row": entry, "account_url": _account_url(entry), "is_debit": entry.side == "D"} for entry in entries],
            "stream": stream,
            "stream_url": stream_url(stream, version),
            "version": version,
            "reversals": row.reversals.order_by("pk"),
            "left": ", ".join(money(int(amount), currency) for currency, amount in _left(row).items()) if row.reversals.exists() else "",
        }

    def acts(self, row: Transaction) -> list[Act]:
        left = {currency: amount for currency, amount in _left(row).items() if amount != "0"}
        if row.reverses_id or not left:
            return []
        told = ", ".join(money(int(amount), currency) for currency, amount in left.items())
        effect = f"What is left of it, {told}, or a part of that, moves back by a new transaction. A reversal cannot be reversed."
        part = (Field("amount", "Amount in minor units; all that is left when empty", required=False),) if row.entries.count() == 2 else ()
        return [Act("reverse", "Reverse…", effect, "ledger.change_transaction", partial(_reverse, row), grave=True, fields=part)]

    def find(self, text: str) -> list[Find]:
        asked = id_in(text.removeprefix("transaction-"))
        found = Transaction.objects.filter(Q(external_id=text) | Q(pk__in=[asked] if asked else []))
        return [Find("transaction", row.external_id, self.url_of(row.pk), row.kind) for row in found]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    section, label = "Business", "Entries"
    list_display = ("transaction_", "account_", "side_", "amount_number", "account_version", "balance_number")
    list_display_links = None
    list_select_related = ("account", "transaction")

    @admin.display(description="transaction")
    def transaction_(self, entry: Entry) -> SafeString:
        return format_html('<a href="{}">{}</a>', _transaction_url(entry), entry.transaction.external_id)

    @admin.display(description="account")
    def account_(self, entry: Entry) -> SafeString:
        return format_html('<a href="{}">{}</a>', _account_url(entry), entry.account.code)

    @admin.display(description="side")
    def side_(self, entry: Entry) -> str:
        return SIDES[entry.side]

    @admin.display(description="amount")
    def amount_number(self, entry: Entry) -> str:
        return money(entry.amount, entry.currency)

    @admin.display(description="balance after")
    def balance_number(self, entry: Entry) -> str:
        return "" if entry.balance_after is None else money(entry.balance_after, entry.currency)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """An entry is shown with the transaction that it is part of."""
        entry = self.get_object(request, object_id)
        return HttpResponseRedirect(_transaction_url(entry) if entry else self.list_url())


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    section, label = "Business", "Holds"
    list_display = ("external_id", "state_", "amount_number", "out_of", "into", "purpose", "placed_", "expires_")
    list_filter = (StateFilter,)
    list_select_related = ("debit_account", "credit_account")
    search_fields = ("external_id",)
    search_help_text = "hold id or external id, exactly"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        text = search_term.replace("\x00", "").strip()
        asked = id_in(text)
        found = Q(external_id=text) | Q(pk=asked) if asked else Q(external_id=text)
        return (queryset.filter(found) if text else queryset), False

    @admin.display(description="state")
    def state_(self, hold: Hold) -> str:
        return pill(hold.state)

    @admin.display(description="amount")
    def amount_number(self, hold: Hold) -> str:
        return money(hold.amount, hold.currency)

    @admin.display(description="out of")
    def out_of(self, hold: Hold) -> str:
        return hold.debit_account.code

    @admin.display(description="into")
    def into(self, hold: Hold) -> str:
        return hold.credit_account.code

    @admin.display(description="placed")
    def placed_(self, hold: Hold) -> str:
        return moment(hold.placed_at, relative=True)

    @admin.display(description="expires (UTC)")
    def expires_(self, hold: Hold) -> str:
        return moment(hold.expires_at) if hold.expires_at else "never"

    def detail(self, request: HttpRequest, row: Hold) -> dict[str, Any]:
        stream = holds.stream(row.pk)
        return {"title": f"Hold {row.external_id}", "stream": stream, "stream_url": stream_url(stream)}

    def acts(self, row: Hold) -> list[Act]:
        if row.state != "pending":
            return []
        effect = f"{money(row.amount, row.currency)} in {row.debit_account.code} will be available again. Whoever counted on it is told."
        return [Act("void", "Void hold…", effect, "ledger.change_hold", partial(_void, row), grave=True)]

    def find(self, text: str) -> list[Find]:
        asked = id_in(text.removeprefix("hold-"))
        found = Hold.objects.filter(Q(external_id=text) | Q(pk__in=[asked] if asked else []))
        return [Find("hold", row.external_id, self.url_of(row.pk), f"{row.state}, {money(row.amount, row.currency)}") for row in found]


def _pending_in(row: Balance) -> list[OpenHold]:
    """What is pending in an account, each with the direction it goes in."""
    found = [*open_holds_of(row.account_id).order_by("-hold_id")[:LINES]]
    for hold in found:
        debited = hold.debit_account_id == row.account_id
        hold.is_out = debited == (row.normal_side == "C")  # type: ignore[attr-defined]
    return found


def _void(row: Hold, asked: Asked) -> Outcome:
    end_hold(VoidHold(hold_id=row.pk, reason=asked.reason))
    return Outcome("The hold is voided; its money is available again.")


def _left(row: Transaction) -> dict[str, str]:
    reversals = row.reversals.prefetch_related("entries__account")
    return remaining([row.posted, *(reversal.posted for reversal in reversals)], row.pk)


def _reverse(row: Transaction, asked: Asked) -> Outcome:
    command = ReverseTransaction(
        transaction_id=row.pk,
        reversal_id=new_id(),
        amount=asked.given.get("amount", "").strip() or None,
        reason_code="operator_error",
        reason=asked.reason,
    )
    receipt = take_back(command)
    return Outcome(f"Taken back by transaction {receipt.transaction.external_id}.")


def _side(row: Transaction, side: str) -> SafeString:
    entries = sorted((entry for entry in row.entries.all() if entry.side == side), key=lambda entry: entry.pk)
    told = ((_account_url(entry), entry.account.code, money(entry.amount, entry.currency)) for entry in entries)
    return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a> {}', told)


def _account_url(entry: Entry) -> str:
    return reverse("admin:ledger_balance_change", args=[entry.account_id])


def _transaction_url(entry: Entry) -> str:
    return reverse("admin:ledger_transaction_change", args=[entry.transaction_id])
