"""System checks: what would go wrong at run time is told at start."""

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning, register

from eventstore.conf import build
from eventstore.errors import BadSetting
from eventstore.messages import all_publications, missing_downcasts, missing_steps, name_of, registered_events, reversal_of
from eventstore.projections import all_projections, suspicions
from eventstore.sagas import all_sagas
from eventstore.schemas import schema_of


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


@register()
def every_event_says_how_it_is_reversed(**_: Any) -> list[CheckMessage]:
    """E006: an event of an installed app says neither which command undoes it nor why nothing can."""
    return [
        Error(
            f"{name} says neither how it is reversed nor why it cannot be.",
            hint=f"In the app's reversals.py: @reverses({cls.__name__}) on a function that gives the undoing command, "
            f'or irreversible({cls.__name__}, because="…, and what to do instead").',
            id="eventstore.E006",
        )
        for name, cls in registered_events().items()
        if reversal_of(name) is None and apps.get_containing_app_config(cls.__module__) is not None
    ]


@register()
def sagas_expect_latecomers(**_: Any) -> list[CheckMessage]:
    """E004: a saga reacts to an event and does not say what follows when it comes after the end."""
    return [
        Error(
            f"{saga.name} reacts to {', '.join(names)} and does not say what follows when that comes after its end.",
            hint=f"Declare a reaction with @{saga.name.rpartition('.')[2]}.late(…), or that nothing follows with .ignores_late(…).",
            id="eventstore.E004",
        )
        for saga in all_sagas()
        if (names := saga.undecided())
    ]


@register()
def publications_can_be_kept(**_: Any) -> list[CheckMessage]:
    """E010: a version that goes out needs a down-converter from each version above. E011: a publication names what is not there."""
    found: list[CheckMessage] = []
    for publication in all_publications():
        cls = registered_events()[publication.event]
        for step in missing_downcasts(publication.event, publication.newest, publication.versions[0]):
            found.append(
                Error(
                    f"{publication.name} goes out as version {publication.versions[0]}, but nothing leads down from version {step}.",
                    hint=f'Write a function decorated with @downcasts("{publication.event}", version={step}).',
                    id="eventstore.E010",
                )
            )
        missing = [name for name in publication.notification if name not in schema_of(cls)["properties"]]
        missing += [f"version {version}" for version in publication.versions if not 1 <= version <= publication.newest]
        if missing or ("notification" in publication.forms) != bool(publication.notification):
            found.append(
                Error(
                    f"The publication of {publication.event} names {', '.join(missing) or 'a notification'}, and there is no such thing.",
                    hint="A notification needs fields of the event, in notification=(…) and forms=(…); versions are those of @event.",
                    id="eventstore.E011",
                )
            )
    return found


@register()
def events_say_what_they_mean(**_: Any) -> list[CheckMessage]:
    """W012: an event without a description; its readers have nothing else."""
    return [
        Warning(
            f"{cls.__module__}.{cls.__qualname__} ({name}) does not say what happened.",
            hint="Write a docstring: it becomes the description in the schema.",
            id="eventstore.W012",
        )
        for name, cls in registered_events().items()
        if not (cls.__doc__ or "").strip()
    ]
