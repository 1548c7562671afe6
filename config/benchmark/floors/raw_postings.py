"""The floor of a posting: lock the account, change its counter, write a transaction with two entries, commit.

Fair: the same tables with the same indexes and checks, a deferred bank as counterparty, a floor at zero, prepared statements, fsync.
It promises less: no event is recorded, the sum of the entries is not proved by a trigger, a repetition ends in an error
instead of the same transaction, and nobody keeps the times of an account's entries in order.
"""

from itertools import count
from uuid import UUID

import psycopg
from django.conf import settings

from config.benchmark.crews import Act
from eventstore.clock import new_id

TABLES = """
CREATE TABLE raw_account (LIKE ledger_account INCLUDING ALL);
CREATE TABLE raw_transaction (LIKE ledger_transaction INCLUDING ALL);
CREATE TABLE raw_entry (LIKE ledger_entry INCLUDING ALL);
"""

BANK = UUID(int=1)

OPEN = """
INSERT INTO raw_account (id, code, currency, exponent, kind, normal_side, contra, credit_limit, posting_mode, debits_posted,
                         credits_posted, debits_pending, credits_pending, version)
VALUES (%s, %s, 'EUR', 2, 'liability', 'C', false, 0, 'locked', 0, 0, 0, 0, 1)
"""

LOCK = "SELECT credits_posted, debits_posted, version FROM raw_account WHERE id = %s FOR NO KEY UPDATE"

MOVE = "UPDATE raw_account SET credits_posted = %s, debits_posted = %s, version = %s, recorded_at = clock_timestamp() WHERE id = %s"

RECORD = """
INSERT INTO raw_transaction (id, external_id, kind, effective_at, recorded_at) VALUES (%s, %s, %s, clock_timestamp(), clock_timestamp())
"""

ENTER = """
INSERT INTO raw_entry (transaction_id, account_id, side, amount, currency, account_version, balance_after)
VALUES (%s, %s, %s, %s, 'EUR', %s, %s), (%s, %s, %s, %s, 'EUR', NULL, NULL)
"""


def prepare() -> Act:
    session = psycopg.connect(settings.DATABASE_URL)
    account, amount, turns = new_id(), 1999, count()
    session.execute(OPEN, [account, f"customer:{account}:EUR"])
    session.commit()

    def act() -> None:
        out = next(turns) % 2
        row = session.execute(LOCK, [account], prepare=True).fetchone()
        if row is None:
            raise LookupError(f"There is no account {account}.")
        credits, debits, version = row[0] + amount * (1 - out), row[1] + amount * out, row[2] + 1
        if credits < debits:
            raise ValueError(f"Account {account} has not got {amount}.")
        transaction, (own, other) = new_id(), "DC" if out else "CD"
        session.execute(MOVE, [credits, debits, version, account], prepare=True)
        session.execute(RECORD, [transaction, f"raw-{transaction}", "withdrawal" if out else "credit"], prepare=True)
        entries = [transaction, account, own, amount, version, credits - debits, transaction, BANK, other, amount]
        session.execute(ENTER, entries, prepare=True)
        session.commit()

    return act
