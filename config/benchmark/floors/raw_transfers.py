"""The floor of a withdrawal: double entry in plain SQL with psycopg.

Fair: one transaction that lowers the balance unless it would fall below zero and writes both entries; fsync as everywhere. Every writer has
an account of its own, so nobody waits for a row. It promises less: no history of the account, no events, no idempotency,
and nothing checks that the entries sum to zero.
"""

import psycopg
from django.conf import settings

from config.benchmark.crews import Act
from eventstore.clock import new_id

TABLES = """
CREATE TABLE raw_account (id uuid PRIMARY KEY, balance numeric NOT NULL CHECK (balance >= 0));
CREATE TABLE raw_entry (
    id uuid PRIMARY KEY, transaction_id uuid NOT NULL, account text NOT NULL, amount numeric NOT NULL, recorded_at timestamptz NOT NULL
);
CREATE INDEX ON raw_entry (transaction_id);
CREATE INDEX ON raw_entry (account, recorded_at)
"""

LOWER = "UPDATE raw_account SET balance = balance - %s WHERE id = %s AND balance >= %s"

RECORD = """
INSERT INTO raw_entry (id, transaction_id, account, amount, recorded_at)
VALUES (%(debit)s, %(transaction)s, %(account)s, -%(amount)s::numeric, now()),
       (%(credit)s, %(transaction)s, 'bank:main:EUR', %(amount)s::numeric, now())
"""


def prepare() -> Act:
    connection = psycopg.connect(settings.DATABASE_URL)
    account = new_id()
    connection.execute("INSERT INTO raw_account VALUES (%s, 1000000000)", [account])
    connection.commit()

    def act() -> None:
        if connection.execute(LOWER, [1, account, 1], prepare=True).rowcount != 1:
            raise RuntimeError("The account is empty.")
        entries = {"debit": new_id(), "credit": new_id(), "transaction": new_id(), "account": str(account), "amount": 1}
        connection.execute(RECORD, entries, prepare=True)
        connection.commit()

    return act
