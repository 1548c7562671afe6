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

    def authenticate(self, request: Request) -> tuple[Caller, ApiKey] | None:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() not in ("bearer", "api-key"):
            return None
        found = find_key(key.strip())
        return Caller(found.name, frozenset(found.scopes)), found

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="daybook"'


def find_key(key: str) -> ApiKey:
    """The row of a presented key. Raises Problem when it is unknown, revoked or expired."""
    prefix, dot, _ = key.partition(".")
    # is_valid compares a SHA-512 in constant time: a key is random enough for a fast digest.
    found = ApiKey.objects.filter(prefix=prefix).first() if dot and key.isascii() and key.isprintable() else None
    if found is None or found.revoked or found.has_expired or not found.is_valid(key):
        raise Problem("key_invalid", headers={"WWW-Authenticate": 'Bearer realm="daybook", error="invalid_token"'})
    if found.last_used_at is None or found.last_used_at < now() - COARSE:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - COARSE)
        ApiKey.objects.filter(stale, pk=found.pk).update(last_used_at=Now())
    return found


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
