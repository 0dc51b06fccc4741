"""Which table cells and score bins customers fall into: counts, and those of the training rows."""

from churn_model.profile.cell_counts import CellCounts
from churn_model.profile.monitoring_profile import MonitoringProfile, TermProfile

__all__ = ["CellCounts", "MonitoringProfile", "TermProfile"]
