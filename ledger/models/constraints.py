"""What the database itself refuses, in the words of the ledger; and what the outside is told when it does."""

from collections.abc import Iterator
from contextlib import contextmanager

import pgtrigger
from django.db import IntegrityError

from eventstore.errors import Refused, StreamMoved

CURRENCY_KEY = "an_entry_is_in_its_accounts_currency"  #: the composite foreign key of migration 0002

HOLD_CURRENCY_KEYS = ("a_hold_is_in_its_debited_accounts_currency", "a_hold_is_in_its_credited_accounts_currency")  #: of migration 0004

#: Names of constraints that a command can meet, as code and status. The rules refuse first; these are the second lock.
#: Any other name is a mistake of ours and stays an error.
REFUSALS = {
    "an_account_is_not_overdrawn": ("insufficient_funds", 422),
    "a_transaction_sums_to_zero": ("unbalanced_entries", 422),
    "a_transaction_has_two_entries": ("unbalanced_entries", 422),
    "an_entry_is_above_zero": ("amount_not_positive", 422),
    "a_transaction_touches_an_account_once": ("same_account", 422),
    CURRENCY_KEY: ("currency_mismatch", 422),
    **dict.fromkeys(HOLD_CURRENCY_KEYS, ("currency_mismatch", 422)),
    "a_hold_is_above_zero": ("amount_not_positive", 422),
    "a_hold_is_between_two_accounts": ("same_account", 422),
    "a_hold_ends_once": ("hold_already_ended", 409),
    "a_hold_is_posted_once": ("hold_already_posted", 409),
    "a_hold_is_posted_in_time": ("hold_expired", 409),
    "a_hold_does_not_expire_early": ("hold_not_due", 409),
    "a_hold_releases_the_rest": ("exceeds_hold", 422),
    "a_hold_is_posted_by_its_transaction": ("exceeds_hold", 422),
    "a_reversal_is_not_reversed": ("reversal_of_reversal", 409),
    "no_more_is_reversed_than_was_posted": ("reversal_exceeds", 409),
}
#: Two first writers of one thing: the other one was faster. Retried, the command meets what that one wrote.
RACES = (
    "one_account_per_code",
    "ledger_account_pkey",
    "one_transaction_per_external_id",
    "ledger_transaction_pkey",
    "one_entry_per_account_version",
    "one_hold_per_external_id",
    "ledger_hold_pkey",
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


begins_pending = pgtrigger.Trigger(
    name="begins_pending",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    func=f"""
        IF NEW.state <> 'pending' THEN
            {_raise("a_hold_ends_once", "hold % was never pending", "NEW.id")}
        END IF;
        RETURN NEW;
    """,
)

ends_once = pgtrigger.Trigger(
    name="ends_once",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    func=f"""
        IF OLD.state <> 'pending' OR NEW.state = 'pending' THEN
            {_raise("a_hold_ends_once", "hold % is %", "OLD.id", "OLD.state")}
        END IF;
        IF (NEW.id, NEW.external_id, NEW.purpose, NEW.debit_account_id, NEW.credit_account_id, NEW.amount, NEW.currency,
            NEW.placed_at, NEW.expires_at)
           IS DISTINCT FROM
           (OLD.id, OLD.external_id, OLD.purpose, OLD.debit_account_id, OLD.credit_account_id, OLD.amount, OLD.currency,
            OLD.placed_at, OLD.expires_at) THEN
            {_raise("a_hold_stays_what_it_is", "hold % is what it was placed as", "OLD.id")}
        END IF;
        RETURN NEW;
    """,
)

# Judged at the end of the transaction, when hold, transaction and entries are there, from both of their sides.
_posted_by = f"""
        SELECT * INTO hold FROM ledger_hold WHERE id = {{hold}};
        SELECT count(*), count(*) FILTER (WHERE e.amount = hold.posted_amount
                                          AND (e.account_id, e.side) IN ((hold.debit_account_id, 'D'), (hold.credit_account_id, 'C')))
        INTO entries, fitting FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
        WHERE t.id = {{transaction}} AND t.hold_id = hold.id AND t.unheld = hold.amount AND hold.transaction_id = t.id;
        IF (entries, fitting) IS DISTINCT FROM (2::bigint, 2::bigint) THEN
            {_raise("a_hold_is_posted_by_its_transaction", "hold % was not posted so", "{hold}")}
        END IF;
        RETURN NULL;
    """


def posted_by_its_transaction(
    hold: str, transaction: str, operation: pgtrigger.Operation, condition: pgtrigger.Condition
) -> pgtrigger.Trigger:
    """The transaction of a hold that was posted moves what was posted, between its two accounts."""
    return pgtrigger.Trigger(
        name="posted_by_its_transaction",
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        condition=condition,
        declare=[("hold", "ledger_hold%ROWTYPE"), ("entries", "bigint"), ("fitting", "bigint")],
        func=_posted_by.format(hold=hold, transaction=transaction),
    )


# The original is locked before its reversals are summed up: of two at once the second sees the first. FOR UPDATE would wait for
# everybody who inserts a row that points at it, and so in a circle.
reversed_once = pgtrigger.Trigger(
    name="reversed_once",
    when=pgtrigger.After,
    operation=pgtrigger.Insert,
    timing=pgtrigger.Deferred,
    condition=pgtrigger.Q(new__reverses__isnull=False),
    declare=[("original", "ledger_transaction%ROWTYPE"), ("exceeded", "uuid")],
    func=f"""
        SELECT * INTO original FROM ledger_transaction WHERE id = NEW.reverses_id FOR NO KEY UPDATE;
        IF original.reverses_id IS NOT NULL THEN
            {_raise("a_reversal_is_not_reversed", "transaction % is a reversal", "original.id")}
        END IF;
        SELECT r.account_id INTO exceeded FROM ledger_entry r JOIN ledger_transaction t ON t.id = r.transaction_id
        LEFT JOIN ledger_entry o ON (o.transaction_id, o.account_id) = (original.id, r.account_id) AND o.side <> r.side
        WHERE t.reverses_id = original.id
        GROUP BY r.account_id HAVING sum(r.amount) > max(coalesce(o.amount, 0)) OR bool_or(o.amount IS NULL) LIMIT 1;
        IF FOUND THEN
            {_raise("no_more_is_reversed_than_was_posted", "account % gets back more than transaction % moved", "exceeded", "original.id")}
        END IF;
        RETURN NULL;
    """,
)
