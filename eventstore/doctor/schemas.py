"""Schemas: is what the code writes what was published?"""

from collections.abc import Iterator

from eventstore.doctor.reports import Report, advice, counted, finding, ok
from eventstore.schemas import examine


def registry() -> Iterator[Report]:
    """Nothing breaks a reader, and nothing waits to be published."""
    found = examine()
    breaches = [each for each in found if each.is_breach]
    if breaches:
        fact = f"{counted(len(breaches), 'schema')} would break readers: {breaches[0]}"
        yield finding("schemas", fact, "manage.py publish_schemas --check says what is missing and what to do.")
    elif found:
        yield advice("schemas", f"{counted(len(found), 'schema')} not published: {found[0]}", "Run manage.py publish_schemas.")
    else:
        yield ok("schemas", "the registry has what the code writes")
