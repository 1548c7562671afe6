"""What the database itself refuses, in the words of the ledger; and what the outside is told when it does."""

from collections.abc import Iterator
from contextlib import contextmanager

import pgtrigger
from django.db import IntegrityError

from eventstore.errors import Refused, StreamMoved

CURRENCY_KEY = "an_entry_is_in_its_accounts_currency"  #: the composite foreign key of migration 0002

#: Names of constraints that a command can meet, as code and status. The rules refuse first; these are the second lock.
#: Any other name is a mistake of ours and stays an error.
REFUSALS = {
    "an_account_is_not_overdrawn": ("insufficient_funds", 422),
    "a_transaction_sums_to_zero": ("unbalanced_entries", 422),
    "a_transaction_has_two_entries": ("unbalanced_entries", 422),
    "an_entry_is_above_zero": ("amount_not_positive", 422),
    "a_transaction_touches_an_account_once": ("same_account", 422),
    CURRENCY_KEY: ("currency_mismatch", 422),
}
#: Two first writers of one thing: the other one was faster. Retried, the command meets what that one wrote.
RACES = (
    "one_account_per_code",
    "ledger_account_pkey",
    "one_transaction_per_external_id",
    "ledger_transaction_pkey",
    "one_entry_per_account_version",
)


@contextmanager
def constraints_speak() -> Iterator[None]:
    """Turn a refusal of the database into one of the ledger."""
    try:
        yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        name = getattr(diagnosis, "constraint_name", None) or ""
        if name in RACES:
            raise StreamMoved(stream=getattr(diagnosis, "table_name", name), expected=0) from error
        if name in REFUSALS:
            code, status = REFUSALS[name]
            raise Refused(f"The database refused: {name.replace('_', ' ')}.", code=code, status=status) from error
        raise


def _raise(name: str, message: str, *facts: str) -> str:
    told = "".join(f", {fact}" for fact in facts)
    return f"RAISE EXCEPTION '{message}'{told} USING ERRCODE = 'check_violation', CONSTRAINT = '{name}', TABLE = TG_TABLE_NAME;"


append_only = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
never_deleted = pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)

# Judged when more goes out, not as a CHECK on the row: an account that is below its floor, because its limit was lowered
# or an exception was approved, can then be paid up step by step.
floor = pgtrigger.Trigger(
    name="floor",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    declare=[("balance", "numeric"), ("waiting", "numeric"), ("outgoing", "numeric")],
    func=f"""
        IF NEW.normal_side = 'C' THEN
            balance := NEW.credits_posted - NEW.debits_posted;
            waiting := NEW.debits_pending;
            outgoing := NEW.debits_posted + NEW.debits_pending - OLD.debits_posted - OLD.debits_pending;
        ELSE
            balance := NEW.debits_posted - NEW.credits_posted;
            waiting := NEW.credits_pending;
            outgoing := NEW.credits_posted + NEW.credits_pending - OLD.credits_posted - OLD.credits_pending;
        END IF;
        IF outgoing > 0 AND balance - waiting < -NEW.credit_limit THEN
            {_raise("an_account_is_not_overdrawn", "account % would have %", "NEW.code", "balance - waiting")}
        END IF;
        RETURN NEW;
    """,
)

counters_never_fall = pgtrigger.Trigger(
    name="counters_never_fall",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func=f"""
        IF NEW.debits_posted < OLD.debits_posted OR NEW.credits_posted < OLD.credits_posted OR NEW.version < OLD.version
           OR NEW.recorded_at < OLD.recorded_at THEN
            {_raise("counters_never_fall", "a counter of account % would fall", "NEW.code")}
        END IF;
        RETURN NEW;
    """,
)

identity = pgtrigger.Trigger(
    name="identity",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func=f"""
        IF (NEW.id, NEW.code, NEW.currency, NEW.exponent, NEW.kind, NEW.normal_side, NEW.contra, NEW.posting_mode)
           IS DISTINCT FROM
           (OLD.id, OLD.code, OLD.currency, OLD.exponent, OLD.kind, OLD.normal_side, OLD.contra, OLD.posting_mode) THEN
            {_raise("an_account_stays_what_it_is", "account % is what it was opened as", "OLD.code")}
        END IF;
        RETURN NEW;
    """,
)


def _balanced(transaction_id: str) -> str:
    return f"""
        SELECT count(*) INTO entries FROM ledger_entry WHERE transaction_id = {transaction_id};
        IF entries < 2 THEN
            {_raise("a_transaction_has_two_entries", "transaction % has % entries", transaction_id, "entries")}
        END IF;
        SELECT currency INTO unequal FROM ledger_entry WHERE transaction_id = {transaction_id}
        GROUP BY currency HAVING sum(CASE side WHEN 'D' THEN amount ELSE -amount END) <> 0 LIMIT 1;
        IF FOUND THEN
            {_raise("a_transaction_sums_to_zero", "transaction % does not balance in %", transaction_id, "unequal")}
        END IF;
        RETURN NULL;
    """


def balanced(transaction_id: str) -> pgtrigger.Trigger:
    """Judged at the end of the transaction that inserts, when all of its entries are there."""
    return pgtrigger.Trigger(
        name="balanced",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        declare=[("entries", "bigint"), ("unequal", "text")],
        func=_balanced(transaction_id),
    )
