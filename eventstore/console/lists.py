"""Lists that cost the same at any length: pages by key, newest first, and totals that nobody counts."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import QuerySet
from django.http import HttpRequest

#: Parameters that say where a page begins; every other link leads to the first page again.
OLDER, NEWER = "older", "newer"


class KeysetList(ChangeList):
    """Django's change list without its COUNT(*) and OFFSET: a page begins at a primary key, and keys made later sort later."""

    #: Parameters beside the filters that a subclass reads itself.
    own_parameters: tuple[str, ...] = ()
    scan_note = ""

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.request = request
        super().__init__(request, *args)
        self.title = str(self.opts.verbose_name_plural).capitalize()

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in (OLDER, NEWER, *self.own_parameters)}

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None) -> str:
        given = {name: value for name, value in self.filter_params.items() if name not in (OLDER, NEWER)}
        given = {name: value for name, value in given.items() if not any(name.startswith(prefix) for prefix in remove or [])}
        given |= new_params or {}
        return "?" + urlencode(sorted((name, value) for name, value in given.items() if value is not None), doseq=True)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        """One page and one row more, which says whether another page follows."""
        older, newer, size = self._key(OLDER), self._key(NEWER), self.list_per_page
        if newer is not None:
            rows = list(self.newer_rows(newer, size + 1))[::-1]
            more_newer, more_older = len(rows) > size, True
            rows = rows[-size:]
        else:
            rows = list(self.older_rows(older, size + 1))
            more_newer, more_older = older is not None, len(rows) > size
            rows = rows[:size]
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = None
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = self.multi_page = False
        self.newer_link = self._link(NEWER, self.key_of(rows[0])) if more_newer and rows else ""
        self.older_link = self._link(OLDER, self.key_of(rows[-1])) if more_older and rows else ""
        self.newest_link = self.get_query_string() if older is not None or newer is not None else ""

    def older_rows(self, older: Any, limit: int) -> Sequence[Any]:
        """The rows below a key, newest first."""
        rows = self.queryset if older is None else self.queryset.filter(pk__lt=older)
        return list(rows[:limit])

    def newer_rows(self, newer: Any, limit: int) -> Sequence[Any]:
        """The rows above a key, oldest first."""
        return list(self.queryset.filter(pk__gt=newer).order_by("pk")[:limit])

    def key_of(self, row: Any) -> Any:
        """Where a row stands in the order of the list."""
        return row.pk

    def _link(self, direction: str, key: Any) -> str:
        return self.get_query_string({direction: key})

    def _key(self, name: str) -> Any:
        text = self.request.GET.get(name)
        if not text:
            return None
        try:
            return self.lookup_opts.pk.to_python(text) if self.lookup_opts.pk else None
        except ValidationError as error:
            raise IncorrectLookupParameters from error

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list down."""
        return bool(self.query or self.has_active_filters or any(self.request.GET.get(name) for name in self.own_parameters))

    @property
    def total(self) -> int | None:
        """About how many rows there are in all."""
        return estimate(self.model)


def estimate(model: type[models.Model]) -> int | None:
    """About how many rows a table has, as PostgreSQL last saw it; None when it has not looked yet."""
    return estimates([model._meta.db_table]).get(model._meta.db_table)


def estimates(tables: Sequence[str]) -> dict[str, int]:
    """The same for several tables, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::bigint FROM pg_class WHERE oid = ANY(array(SELECT to_regclass(t) FROM unnest(%s::text[]) t))"
            " AND reltuples >= 0",
            [list(tables)],
        )
        return dict(cursor.fetchall())


def first_id_at(moment: datetime) -> UUID:
    """The smallest id that an event recorded then can have: UUIDv7 begin with their time."""
    return UUID(int=max(0, int(moment.astimezone(UTC).timestamp() * 1000)) << 80)


class Choice(SimpleListFilter):
    """A filter whose choices are known beforehand: asking the table for them would read all of it."""

    template = "admin/filter.html"
    options: tuple[tuple[str, str], ...] = ()
    #: What is chosen when nothing is; "" is everything.
    default = ""
    everything = "All"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> tuple[tuple[str, str], ...]:
        return self.options

    def value(self) -> str:
        return str(super().value() or self.default).replace("\x00", "")

    def choices(self, changelist: ChangeList) -> Any:
        """The choices as links; leaving a default needs a word of its own."""
        name = str(self.parameter_name)
        everything: dict[str, Any] = {name: "all" if self.default else None}
        yield {
            "selected": self.value() in ("", "all"),
            "query_string": changelist.get_query_string(everything),
            "display": self.everything,
        }
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({name: None if value == self.default else value}),
                "display": title,
            }

    @property
    def chosen(self) -> str:
        """The title of the current choice; "" when it is everything."""
        return next((str(title) for value, title in self.lookup_choices if value == self.value()), "")
