"""Event classes that come and go: what a developer changes between two releases."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from eventstore.messages import downcasting, events, publications, upcasting


@contextmanager
def another_release() -> Iterator[None]:
    """Whatever is declared inside is forgotten afterwards."""
    with ExitStack() as stack:
        for registry in (
            events._classes,
            events._names,
            events._money,
            events._compatibility,
            upcasting._upcasters,
            downcasting._downcasters,
            publications._publications,
        ):
            stack.enter_context(mock.patch.dict(registry))
        yield


def forget(name: str) -> None:
    """An event class that the next release has not got, or has anew."""
    cls = events._classes.pop(name)
    events._names.pop(cls)
    publications._publications.pop(name, None)
