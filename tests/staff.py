"""The staff that stories are told of: who runs everything, who operates, who only looks, and who may do nothing yet."""

from django.contrib.auth.models import Permission, User
from django.db.models import Q


def ada() -> User:
    """Ada runs everything."""
    return User.objects.create_superuser("ada", password="x")


def ben() -> User:
    """Ben operates: he sees all, steers delivery and cancels orders."""
    acts = Q(
        codename__in=[
            "change_consumerstate",
            "change_parkedkey",
            "change_failuregroup",
            "change_run",
            "change_effect",
            "change_sagainstance",
            "change_approval",
            "change_alert",
            "change_order",
            "change_reversedevent",
        ]
    )
    return _staff("ben", acts | Q(codename="change_reversedevent") | Q(codename__startswith="view_"))


def cleo() -> User:
    """Cleo looks and touches nothing."""
    return _staff("cleo", Q(codename__startswith="view_"))


def dan() -> User:
    """Dan may log in, and nobody has given him a right yet."""
    return _staff("dan", Q(pk=None))


def _staff(name: str, rights: Q) -> User:
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(rights))
    return user
