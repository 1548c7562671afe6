"""Withdrawing from an account, eight writers: the live ledger with journal, events and idempotency, next to double entry in plain SQL."""

from functools import partial

import psycopg
from django.conf import settings

from config.benchmark.crews import Act, Crew
from config.benchmark.floors import raw_transfers
from config.benchmark.measurements import Options, Row, compare
from eventstore.clock import new_id
from ledger.commands import CreditFunds, OpenAccount, WithdrawFunds
from ledger.handlers import open_account, post

BANK = "bank:main:EUR"


def measure(options: Options) -> list[Row]:
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(raw_transfers.TABLES)
    open_account(OpenAccount(code=BANK, currency="EUR"))
    with Crew({"ours": prepare, "raw": raw_transfers.prepare}) as crew:
        ours, raw = (partial(crew.rate, job, options.seconds) for job in ("ours", "raw"))
        for warm_up in (ours, raw):
            warm_up()
        return [compare("withdraw", ours, raw, repeat=options.repeat, unit="transactions/s", peer="double entry in plain SQL")]


def prepare() -> Act:
    account, _ = open_account(OpenAccount(currency="EUR", owner_ref=str(new_id())))
    post(CreditFunds(account_id=account.id, amount="1000000000", currency="EUR", counterparty=BANK, external_id=str(new_id())))

    def act() -> None:
        post(WithdrawFunds(account_id=account.id, amount="1", currency="EUR", counterparty=BANK, external_id=str(new_id())))

    return act
