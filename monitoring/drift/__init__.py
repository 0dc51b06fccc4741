"""How the distribution of customers changed against a reference, in the terms of the scorecard."""

from monitoring.drift.compare import Comparer, Comparison, compare
from monitoring.drift.reference import Reference, references

__all__ = ["Comparer", "Comparison", "Reference", "compare", "references"]
