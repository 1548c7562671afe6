"""Ledger: money into an account and out again, an account a writer, next to double entry in SQL by hand."""

from functools import partial
from itertools import count
from uuid import UUID

import psycopg
from django.conf import settings

from config.benchmark.crews import Act, Crew
from config.benchmark.floors import raw_postings
from config.benchmark.measurements import Options, Row, compare
from eventstore.clock import new_id
from ledger.commands import CreditFunds, OpenAccount, WithdrawFunds
from ledger.handlers import open_account, post

BANK = "bank:main:EUR"  #: deferred: everybody's counterparty, and nobody waits for it


def measure(options: Options) -> list[Row]:
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as session:
        session.execute(raw_postings.TABLES)
    # The first posting opens the bank: writers who all did so at once would meet.
    move(open_account(OpenAccount(currency="EUR"))[0].id, CreditFunds)
    jobs = {"ours": prepare, "raw": raw_postings.prepare}
    with Crew(jobs) as crew:
        ours, raw = (partial(crew.rate, job, options.seconds) for job in jobs)
        return [compare("ledger", ours, raw, repeat=options.repeat, unit="postings/s", peer="double entry in SQL by hand")]


def prepare() -> Act:
    account, _ = open_account(OpenAccount(currency="EUR"))
    turns = count()

    def act() -> None:
        move(account.id, WithdrawFunds if next(turns) % 2 else CreditFunds)

    return act


def move(account_id: UUID, command: type[CreditFunds] | type[WithdrawFunds]) -> None:
    post(command(account_id=account_id, amount="1999", currency="EUR", counterparty=BANK, external_id=f"benchmark-{new_id()}"))
