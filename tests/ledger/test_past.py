"""Accounts as of a moment: locked ones from their stream, deferred ones as the sum of their entries, all by one clock."""

from datetime import timedelta

from eventstore.log import read_stream
from ledger.domain import accounts
from ledger.models import Account, Transaction
from tests.clients import ApiCase
from tests.ledger.examples import BANK, credit, open_customer, withdraw

HOUR = timedelta(hours=1)


class PastAccounts(ApiCase):
    def setUp(self):
        super().setUp()
        self.ada, self.bob = open_customer(), open_customer(credit_limit="500")
        self.moves = [credit(self.ada, 1000), withdraw(self.ada, 300), credit(self.bob, 50), withdraw(self.ada, 100)]
        self.bank = Account.objects.get(code=BANK)
        self.times = list(Transaction.objects.order_by("recorded_at").values_list("recorded_at", flat=True))

    def past(self, account, moment, part="/balance"):
        told = moment if isinstance(moment, str | int) else moment.isoformat()
        return self.api.read(f"/api/v1/ledger/accounts/{account.pk}{part}?as_of={told}")

    def posted(self, account, moment):
        answer = self.past(account, moment)
        return int(answer.json()["posted"]) if answer.status_code == 200 else 0

    def test_a_locked_account_as_of_each_time_and_version(self):
        self.assertEqual([self.posted(self.ada, at) for at in self.times], [1000, 700, 700, 600])
        self.assertEqual([self.posted(self.ada, version) for version in (1, 2, 3, 4)], [0, 1000, 700, 600])
        told = self.past(self.ada, 3).json()
        self.assertEqual((told["account_version"], told["available"], told["as_of"]["consistency"]), (3, "700", "past"))
        self.assertEqual((told["as_of"]["version"], told["as_of"]["final"]), (3, True))

    def test_a_deferred_account_is_the_sum_of_its_entries_by_then(self):
        self.assertEqual([self.posted(self.bank, at) for at in self.times], [1000, 700, 750, 650])
        told = self.past(self.bank, self.times[1]).json()
        self.assertEqual((told["as_of"]["recorded_at"], told["as_of"]["final"]), (self.times[1].isoformat().replace("+00:00", "Z"), True))

    def test_whatever_the_time_all_balances_sum_to_zero(self):
        for at in self.times:
            for moment in (at, at + timedelta(microseconds=1), at - timedelta(microseconds=1)):
                owed = self.posted(self.ada, moment) + self.posted(self.bob, moment)
                self.assertEqual(owed, self.posted(self.bank, moment), moment)

    def test_a_position_counts_the_event_that_stands_there(self):
        stream = read_stream(accounts.stream(self.ada.pk))
        for envelope, locked, deferred in zip(stream, (0, 1000, 700, 600), (0, 1000, 700, 650), strict=True):
            token = f"{envelope.partition}-{envelope.position}"
            self.assertEqual((self.posted(self.ada, token), self.posted(self.bank, token)), (locked, deferred), token)

    def test_before_an_account_was_opened_there_was_none(self):
        for account in (self.ada, self.bank):
            self.assertProblem(self.past(account, "2001-01-01T00:00:00Z"), 404, "nothing_then")
        self.assertProblem(self.past(self.ada, 9), 404, "nothing_then")

    def test_a_deferred_account_has_no_versions(self):
        self.assertEqual(self.assertProblem(self.past(self.bank, 1), 422, "as_of_invalid")["errors"][0]["pointer"], "#/as_of")
        self.assertProblem(self.past(self.ada, "soon"), 422, "as_of_invalid")

    def test_what_an_account_is_can_be_asked_of_the_past_too(self):
        told = self.past(self.bob, 1, part="").json()
        self.assertEqual((told["credit_limit"], told["version"], told["as_of"]["version"]), ("500", 1, 1))
        self.assertEqual(self.past(self.bank, self.times[0], part="").json()["code"], BANK)
