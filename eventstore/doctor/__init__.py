"""The doctor: looks at everything this runs on, and says what is so, what is wrong with it and what to do."""

from eventstore.doctor.examination import examine
from eventstore.doctor.reports import Report

__all__ = ["Report", "examine"]
