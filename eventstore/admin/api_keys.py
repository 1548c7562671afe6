"""API keys: whose they are, what they may do, when they were last used. Made by `manage.py create_api_key`, taken back here."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html

from eventstore.clock import now
from eventstore.console.acts import Act, Asked, Outcome
from eventstore.console.formats import moment, pill
from eventstore.console.screens import ReadOnlyAdmin
from eventstore.events import OPERATIONS, ApiKeyRevoked
from eventstore.log import ANY, append, unit_of_work
from eventstore.models import ApiKey, Event

PERMISSION = "eventstore.change_apikey"


def state_of(key: ApiKey) -> str:
    """Whether a key opens anything."""
    if key.revoked:
        return "revoked"
    return "expired" if key.expiry_date and key.expiry_date <= now() else "valid"


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    section, label = "System", "API keys"
    list_display = ("name_", "state_", "prefix", "scopes_", "used_", "expires_", "created_")
    list_display_links = None
    ordering = ("-created",)
    search_fields = ("name",)
    search_help_text = "part of the name"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ChangeList  # there are few keys, and their own key is not their age

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ApiKey | None:
        # By its prefix: the primary key holds the digest, which is nothing for an address.
        return None if "\x00" in object_id else ApiKey.objects.filter(prefix=object_id).first()

    def key_of(self, row: ApiKey) -> str:
        return row.prefix

    # The columns

    @admin.display(description="name")
    def name_(self, key: ApiKey) -> str:
        return format_html('<a href="{}">{}</a>', self.url_of(key.prefix), key.name)

    @admin.display(description="state")
    def state_(self, key: ApiKey) -> str:
        state = state_of(key)
        return pill(state, "ok" if state == "valid" else "quiet")

    @admin.display(description="may")
    def scopes_(self, key: ApiKey) -> str:
        return "everything" if "*" in key.scopes else ", ".join(key.scopes)

    @admin.display(description="last used")
    def used_(self, key: ApiKey) -> str:
        return moment(key.last_used_at, relative=True)

    @admin.display(description="expires")
    def expires_(self, key: ApiKey) -> str:
        return moment(key.expiry_date, relative=True)

    @admin.display(description="made")
    def created_(self, key: ApiKey) -> str:
        return moment(key.created)

    # One key

    def detail(self, request: HttpRequest, row: ApiKey) -> dict[str, Any]:
        told = Event.objects.filter(stream=OPERATIONS, data__prefix=row.prefix).order_by("-version")
        return {
            "title": row.name,
            "state": state_of(row),
            "told": told[:20],
            "actor": f"key:{row.name}",
            "where": f'facts.actor = "key:{row.name}"',
        }

    def acts(self, row: ApiKey) -> list[Act]:
        if row.revoked:
            return []

        def do(asked: Asked) -> Outcome:
            revoke(row, asked.reason)
            return Outcome(f"The key {row.prefix} of {row.name} is revoked; it opens nothing any more.")

        effect = f"Whoever uses the key {row.prefix} is refused from the next request on. A revoked key never comes back; make a new one."
        return [Act("revoke", "Revoke…", effect, PERMISSION, do, grave=True)]


def revoke(key: ApiKey, reason: str) -> bool:
    """Let a key open nothing any more; False when it was revoked already."""
    with unit_of_work():
        if not ApiKey.objects.filter(pk=key.pk, revoked=False).update(revoked=True):
            return False
        append(OPERATIONS, [ApiKeyRevoked(name=key.name, prefix=key.prefix, reason=reason)], expected=ANY)
        return True
