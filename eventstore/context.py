"""Who is acting and because of what: the facts that every event of this call will carry."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_facts: ContextVar[dict[str, Any]] = ContextVar("daybook_facts", default={})  # noqa: B039 - never mutated, only replaced


@contextmanager
def acting(**facts: Any) -> Iterator[None]:
    """Add facts (actor, causation, correlation, idempotency_key, trace, request, reason) for a while; None adds nothing."""
    token = _facts.set(_facts.get() | {name: value for name, value in facts.items() if value is not None})
    try:
        yield
    finally:
        _facts.reset(token)


def current_facts() -> dict[str, Any]:
    """The facts in force, outermost first."""
    return _facts.get()


def person(actor: str) -> str:
    """Who stands behind an actor: user:ada, shell:ada and the API key of the name ada are one pair of eyes."""
    return actor.partition(":")[2] or actor
