"""The screens of the event store, one a file. Django finds them here and registers them."""

from eventstore.admin.alerts import AlertAdmin
from eventstore.admin.api_keys import ApiKeyAdmin
from eventstore.admin.approvals import ApprovalAdmin
from eventstore.admin.consumers import ConsumerAdmin
from eventstore.admin.effects import EffectAdmin
from eventstore.admin.events import EventAdmin
from eventstore.admin.groups import GroupAdmin
from eventstore.admin.parked_keys import ParkedKeyAdmin
from eventstore.admin.runs import RunAdmin
from eventstore.admin.sagas import SagaAdmin
from eventstore.admin.schemas import SchemaAdmin

__all__ = [
    "AlertAdmin",
    "ApiKeyAdmin",
    "ApprovalAdmin",
    "ConsumerAdmin",
    "EffectAdmin",
    "EventAdmin",
    "GroupAdmin",
    "ParkedKeyAdmin",
    "RunAdmin",
    "SagaAdmin",
    "SchemaAdmin",
]
