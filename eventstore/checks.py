"""System checks: what would go wrong at run time is told at start."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from eventstore.conf import build
from eventstore.errors import BadSetting
from eventstore.messages import missing_steps, name_of, registered_events
from eventstore.projections import all_projections, suspicions


@register()
def settings_are_known(**_: Any) -> list[CheckMessage]:
    """E001: settings.EVENTSTORE has a key or value that does not exist."""
    from django.conf import settings

    try:
        build(getattr(settings, "EVENTSTORE", {}))
    except BadSetting as problem:
        return [Error(str(problem), id="eventstore.E001")]
    return []


@register()
def upcasters_are_complete(**_: Any) -> list[CheckMessage]:
    """E002: an event of version n needs an upcaster from each version below n."""
    return [
        Error(
            f"{name} is written as version {name_of(cls)[1]}, but nothing leads on from version {step}.",
            hint=f'Write a function decorated with @upcasts("{name}", version={step}).',
            id="eventstore.E002",
        )
        for name, cls in registered_events().items()
        for step in missing_steps(name, name_of(cls)[1])
    ]


@register()
def projections_are_pure(**_: Any) -> list[CheckMessage]:
    """W003: a projection's handler mentions a clock, dice, other tables or a call; its rows would not follow from events."""
    return [
        Warning(
            f"{handler.__module__}.{handler.__name__} folds {name} for {projection.name} and mentions {kind}: {', '.join(names)}.",
            hint="Put it into the event, or do it in a consumer. eventstore.testing.assert_pure(projection, events) is the proof.",
            id="eventstore.W003",
        )
        for projection in all_projections()
        for name, handler in projection.handlers.items()
        for kind, names in suspicions(handler).items()
    ]
