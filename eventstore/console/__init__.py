"""What every screen of the console is made of: lists by key, detail pages, acts with a reason, values as staff read them."""

from eventstore.console.acts import Act, Asked, Field, Outcome
from eventstore.console.formats import copyable, decimals, moment, money, pill, shorten
from eventstore.console.lists import Choice, KeysetList
from eventstore.console.overview import overview
from eventstore.console.screens import Badge, Entry, Find, ReadOnlyAdmin, id_in, stream_link, stream_url

__all__ = [
    "Act",
    "Asked",
    "Badge",
    "Choice",
    "Entry",
    "Field",
    "Find",
    "KeysetList",
    "Outcome",
    "ReadOnlyAdmin",
    "copyable",
    "decimals",
    "id_in",
    "moment",
    "money",
    "overview",
    "pill",
    "shorten",
    "stream_link",
    "stream_url",
]
