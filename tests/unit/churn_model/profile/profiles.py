"""A made-up profile, for tests that only need one that belongs to the scorecard."""

from churn_model.profile import MonitoringProfile, TermProfile
from churn_model.profile.monitoring_profile import ScoreProfile
from churn_model.profile.score_bins import BINS
from churn_model.scoring.scorecard import Scorecard


def uniform_profile(scorecard: Scorecard) -> MonitoringProfile:
    """The profile with one row in each cell and each bin of scores."""
    counts = ("rows", "held_out", "churners", "expected")
    return MonitoringProfile(
        rows=1,
        customers=1.0,
        held_out_customers=1.0,
        rejected=0.0,
        missing={},
        unlisted={},
        terms=[
            TermProfile(
                features=term.features, **{name: [1.0] * len(term.scores) for name in counts}
            )
            for term in scorecard.terms
        ],
        scores=ScoreProfile(rows=[1.0] * BINS, churners=[0.5] * BINS),
    )
