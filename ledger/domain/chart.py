"""The chart of accounts: what an account is follows from its code."""

import re
from uuid import UUID, uuid5

from eventstore.messages import Value
from ledger.domain.currencies import EXPONENTS
from ledger.events import AccountKind, AccountOpened, Limit, PostingMode, Side

#: An account that opens itself has an id that follows from its code: whoever is first opens the same one.
_SYSTEM_ACCOUNTS = UUID("5d0c2d2e-6c0f-4f5e-9b55-0d6a3a1f7c11")

DEBIT_KINDS = ("asset", "expense")


class Pattern(Value):
    """One line of the chart. `cur` stands where a code names its currency."""

    code: str
    kind: AccountKind
    normal_side: Side
    posting_mode: PostingMode = "deferred"
    credit_limit: Limit | None = None
    opens_itself: bool = True

    def currency_in(self, code: str) -> str | None:
        """The currency that a code names, if this line is the code's; such as JPY in bank:main:JPY."""
        parts = [r"(?P<currency>[A-Z]{3})" if part == "cur" else r"[^:]+" if part == "*" else part for part in self.code.split(":")]
        match = re.fullmatch(":".join(parts), code)
        return match["currency"] if match else None


CHART = (
    # A customer's account is opened by a command: a typing mistake must not become an account.
    Pattern(code="customer:*:cur", kind="liability", normal_side="C", posting_mode="locked", credit_limit="0", opens_itself=False),
    Pattern(code="psp:*:cur:clearing", kind="asset", normal_side="D"),
    # Deferred, so that it can be everybody's counterparty at once; open it as locked, with a limit, where it needs a floor.
    Pattern(code="bank:*:cur", kind="asset", normal_side="D"),
    Pattern(code="unearned:cur", kind="liability", normal_side="C"),
    Pattern(code="revenue:*:cur", kind="income", normal_side="C"),
    Pattern(code="returns:cur", kind="income", normal_side="D"),
    Pattern(code="tax:*:*:cur", kind="liability", normal_side="C"),
    Pattern(code="fees:*:cur", kind="expense", normal_side="D"),
    Pattern(code="chargebacks:cur", kind="expense", normal_side="D"),
    Pattern(code="fx:cur:liquidity", kind="liability", normal_side="C", posting_mode="locked"),
    Pattern(code="suspense:cur", kind="liability", normal_side="C"),
    Pattern(code="opening:cur", kind="equity", normal_side="C"),
)


def pattern_of(code: str) -> tuple[Pattern, str] | None:
    """The line of the chart that a code belongs to, and the currency it names."""
    for pattern in CHART:
        if currency := pattern.currency_in(code):
            return pattern, currency
    return None


def opens_itself(code: str) -> AccountOpened | None:
    """How a system account of the chart is opened when it is first used; None for any other code."""
    found = pattern_of(code)
    if found is None or not found[0].opens_itself or found[1] not in EXPONENTS:
        return None
    pattern, currency = found
    return AccountOpened(
        account_id=uuid5(_SYSTEM_ACCOUNTS, code),
        code=code,
        currency=currency,
        exponent=EXPONENTS[currency],
        kind=pattern.kind,
        normal_side=pattern.normal_side,
        contra=is_contra(pattern.kind, pattern.normal_side),
        credit_limit=pattern.credit_limit,
        posting_mode=pattern.posting_mode,
    )


def is_contra(kind: AccountKind, normal_side: Side) -> bool:
    """Whether an account stands on the other side than its kind does, as returns do among income."""
    return (kind in DEBIT_KINDS) != (normal_side == "D")
