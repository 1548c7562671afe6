"""The REST door: strict bodies into commands, read tables into answers, every error a problem document."""

from eventstore.api.doors import Answer, Question, Wish, accepts, reads
from eventstore.api.events import RecordedEvent, show_event
from eventstore.api.moments import PastQuery, read_moment, unreadable
from eventstore.api.pages import ListQuery, Page, Query, from_cursor, paginate, to_cursor
from eventstore.api.problems import Problem
from eventstore.api.views import ApiView

__all__ = [
    "Answer",
    "ApiView",
    "ListQuery",
    "Page",
    "PastQuery",
    "Problem",
    "Query",
    "Question",
    "RecordedEvent",
    "Wish",
    "accepts",
    "from_cursor",
    "paginate",
    "read_moment",
    "reads",
    "show_event",
    "to_cursor",
    "unreadable",
]
