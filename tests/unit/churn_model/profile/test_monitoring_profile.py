import json

import numpy as np
import pytest

from churn_model.errors import ProfileError
from churn_model.profile import MonitoringProfile
from tests.unit.churn_model.profile.scorecards import PAIRED


def document():
    """A valid profile of ``PAIRED``, as JSON."""
    cells = [len(term.scores) for term in PAIRED.terms]
    counts = ("rows", "held_out", "churners", "expected")
    return {
        "format": "churn-monitoring-profile",
        "version": 1,
        "rows": 100,
        "customers": 90.0,
        "held_out_customers": 80.0,
        "rejected": 0.01,
        "missing": {"usage": 0.2},
        "unlisted": {"plan": 0.1},
        "terms": [
            {"features": term.features, **{name: [1.0] * n for name in counts}}
            for term, n in zip(PAIRED.terms, cells, strict=True)
        ],
        "scores": {"rows": [1.0] * 202, "churners": [0.5] * 202},
    }


def test_a_saved_profile_is_the_same_when_loaded(tmp_path):
    profile = MonitoringProfile.loads(json.dumps(document()))
    profile.save(tmp_path / "monitoring_profile.json")
    assert MonitoringProfile.load(tmp_path / "monitoring_profile.json") == profile
    profile.check_match(PAIRED)
    np.testing.assert_array_equal(profile.counts()[1], np.ones(16))
    assert profile.churn_rate == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(version=2), "has format version 2"),
        (lambda d: d.update(format="other"), "is not a profile"),
        (lambda d: d.pop("rows"), "rows: Field required"),
        (lambda d: d.update(rejected=1.5), "rejected: "),
        (lambda d: d["terms"][0]["rows"].append(1.0), "'usage' has lists of unequal length"),
        (lambda d: d["scores"]["rows"].pop(), "scores.rows: "),
    ],
)
def test_a_damaged_profile_is_rejected_in_one_line(change, message):
    damaged = document()
    change(damaged)
    with pytest.raises(ProfileError, match=message) as raised:
        MonitoringProfile.loads(json.dumps(damaged))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["{", '{"rows": NaN}', "[" * 100_000])
def test_what_is_not_json_is_rejected(text):
    with pytest.raises(ProfileError, match="not valid JSON"):
        MonitoringProfile.loads(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["terms"].pop(), "different terms"),
        (
            lambda d: [d["terms"][0][k].append(1.0) for k in d["terms"][0] if k != "features"],
            "cells",
        ),
        (lambda d: d["missing"].update(other=0.1), "unknown feature"),
    ],
)
def test_the_profile_of_another_scorecard_is_rejected(change, message):
    other = document()
    change(other)
    with pytest.raises(ProfileError, match=message):
        MonitoringProfile.loads(json.dumps(other)).check_match(PAIRED)
