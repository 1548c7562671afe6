"""Who is calling: a client with an API key, or a member of staff who looks around."""

from datetime import timedelta
from typing import cast

import msgspec
from django.apps import apps
from django.db.models import Q
from django.db.models.functions import Now
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from eventstore.api.problems import Problem
from eventstore.clock import now
from eventstore.models import ApiKey
from eventstore.statements import ask

COARSE = timedelta(minutes=10)  #: how exact `last used` is; exact would be a write on every request
ALL = "*"


class Caller(msgspec.Struct, frozen=True):
    """Stands where Django expects a user."""

    name: str
    scopes: frozenset[str]
    kind: str = "key"  #: "key" or "user"

    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def pk(self) -> str:
        """The actor of this caller's events, such as key:shop."""
        return f"{self.kind}:{self.name}"

    def __str__(self) -> str:
        return self.pk

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ALL in self.scopes


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>` or `Api-Key <key>`. The row is read on every request, so revoking works at once."""

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() not in ("bearer", "api-key"):
            return None
        return find_caller(key.strip()), "key"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="daybook"'


FIND = """
SELECT id, hashed_key, name, scopes, last_used_at FROM eventstore_apikey
WHERE prefix = %s AND NOT revoked AND (expiry_date IS NULL OR expiry_date > statement_timestamp())
"""


def find_caller(key: str) -> Caller:
    """Whose key this is. Raises Problem when it is unknown, revoked or expired."""
    prefix, dot, _ = key.partition(".")
    row = ask(FIND, [prefix]) if dot and key.isascii() and key.isprintable() else None
    # A SHA-512, compared in constant time: a key is random enough for a fast digest.
    if row is None or not ApiKey.objects.key_generator.verify(key, row[1]):
        raise Problem("key_invalid", headers={"WWW-Authenticate": 'Bearer realm="daybook", error="invalid_token"'})
    pk, _, name, scopes, used = row
    if used is None or used < now() - COARSE:
        ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=Now() - COARSE), pk=pk).update(last_used_at=Now())
    return Caller(name, frozenset(scopes))


class StaffSession(BaseAuthentication):
    """A member of staff who is logged in to the admin may read; changes need a key, so a session needs no CSRF token here."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        user = getattr(request._request, "user", None) if request.COOKIES else None
        if user is None or not (user.is_active and user.is_staff):
            return None
        return Caller(user.get_username(), frozenset(scope for scope in known_scopes() if scope.endswith(":read")), "user"), None


def caller_of(request: Request) -> Caller | None:
    """Who calls; None when nobody said."""
    return cast(Caller | None, request.user)


def require(caller: Caller | None, scope: str) -> Caller:
    """The caller, who may do this. Raises Problem when nobody is known (401) or the scope is missing (403)."""
    if caller is None:
        raise Problem("not_authenticated", headers={"WWW-Authenticate": 'Bearer realm="daybook"'})
    if not caller.may(scope):
        raise Problem(
            "scope_missing",
            f"{caller.pk} may not do this: it lacks the scope {scope}.",
            facts={"required_scope": scope},
            headers={"WWW-Authenticate": f'Bearer realm="daybook", error="insufficient_scope", scope="{scope}"'},
        )
    return caller


def known_scopes() -> list[str]:
    """Every scope of the running code: each app names its own in apps.py."""
    return sorted({scope for app in apps.get_app_configs() for scope in getattr(app, "scopes", ())})
