"""The metrics of the last hour, in one worker and in several."""

import time

import numpy as np
import pytest

from churn_model.inference_log.inference_log import InferenceLog
from churn_model.inference_log.options import LogOptions
from churn_model.profile import MonitoringProfile, TermProfile
from churn_model.profile.cell_counts import count_cells
from churn_model.profile.monitoring_profile import ScoreProfile
from churn_model.profile.score_bins import BINS
from serving.last_hour import SCORE_MEAN, TERM_SHIFT, LastHour, model_key, reference
from serving.served_model import ServedModel
from tests.customers import CUSTOMER
from tests.unit.serving.conftest import Application


def customers(n: int, shift: int = 0) -> list[dict]:
    return [CUSTOMER | {"tenure": (i + shift) % 72, "age": 20 + i % 50} for i in range(n)]


def profile_of(scorer, records) -> MonitoringProfile:
    scores = scorer.score(records)
    counts = count_cells(scorer.lookup, scores.inputs)
    zeros = [[0.0] * len(cells) for cells in counts]
    terms = [
        TermProfile(
            features=list(term.features), rows=cells.tolist(), held_out=z, churners=z, expected=z
        )
        for term, cells, z in zip(scorer.scorecard.terms, counts, zeros, strict=True)
    ]
    return MonitoringProfile(
        rows=len(records),
        customers=float(len(records)),
        held_out_customers=1.0,
        rejected=0.0,
        missing={},
        unlisted={},
        terms=terms,
        scores=ScoreProfile(rows=[0.0] * BINS, churners=[0.0] * BINS),
    )


def record(last_hour: LastHour, folder, scorer, records, version: str = "1") -> None:
    log = InferenceLog(LogOptions(str(folder), level="counts"), on_counts=last_hour.add)
    log.version(scorer, "churn", version).table(scorer.score(records))
    log.close()


def metrics(last_hour: LastHour) -> tuple[float, dict[str, float]]:
    families = {family.name: family for family in last_hour.collect()}
    shifts = {s.labels["feature"]: s.value for s in families[TERM_SHIFT].samples}
    return families[SCORE_MEAN].samples[0].value, shifts


def serve(last_hour: LastHour, scorer, profile, version: str = "1") -> None:
    key = model_key("churn", version)
    last_hour.reference = reference(key, scorer.scorecard.terms, profile)


def test_the_shifts_are_the_changes_of_the_mean_effects(scorer, tmp_path):
    trained, scored = customers(500), customers(300, shift=13)
    last_hour = LastHour(None)
    serve(last_hour, scorer, profile_of(scorer, trained))
    record(last_hour, tmp_path, scorer, scored)
    mean, shifts = metrics(last_hour)
    change = scorer.effects(scored).mean() - scorer.effects(trained).mean()
    assert shifts == pytest.approx(change.to_dict(), abs=1e-12)
    assert mean == pytest.approx(np.mean(scorer.score(scored).probability), rel=0.02)


def test_the_customers_of_the_training_table_do_not_shift(scorer, tmp_path):
    last_hour = LastHour(None)
    serve(last_hour, scorer, profile_of(scorer, customers(200)))
    record(last_hour, tmp_path, scorer, customers(200))
    assert set(np.round(list(metrics(last_hour)[1].values()), 12)) == {0.0}


def test_the_sums_of_all_workers_are_added_before_they_are_divided(scorer, tmp_path):
    profile = profile_of(scorer, customers(500))
    shared = tmp_path / "shared"
    shared.mkdir()
    workers = [LastHour(shared), LastHour(shared)]
    workers[1]._file = shared / "last-hour-other.json"
    parts = customers(100, shift=3), customers(400, shift=50)
    for worker, part in zip(workers, parts, strict=True):
        serve(worker, scorer, profile)
        record(worker, tmp_path / "log", scorer, part)
    for worker in workers:
        worker._write()
    alone = LastHour(None)
    serve(alone, scorer, profile)
    record(alone, tmp_path / "log", scorer, [*parts[0], *parts[1]])
    expected = metrics(alone)
    for worker in workers:
        mean, shifts = metrics(worker)
        assert mean == pytest.approx(expected[0])
        assert shifts == pytest.approx(expected[1])


def test_the_last_customers_of_a_quiet_worker_count_too(scorer, tmp_path, monkeypatch):
    monkeypatch.setattr("serving.last_hour._SECONDS_BETWEEN_FILES", 0.2)
    shared = tmp_path / "shared"
    shared.mkdir()
    asked, quiet = LastHour(shared), LastHour(shared)
    quiet._file = shared / "last-hour-other.json"
    serve(asked, scorer, profile_of(scorer, customers(100)))
    for part in (customers(50), customers(100)[50:]):
        record(quiet, tmp_path / "log", scorer, part)
    for _ in range(50):
        shifts = [abs(shift) for shift in metrics(asked)[1].values()]
        if max(shifts) < 1e-9:
            break
        time.sleep(0.1)
    assert max(shifts) < 1e-9


def test_only_the_version_that_is_served_and_the_last_hour_count(scorer, tmp_path, monkeypatch):
    last_hour = LastHour(None)
    profile = profile_of(scorer, customers(100))
    serve(last_hour, scorer, profile, "2")
    record(last_hour, tmp_path, scorer, customers(50, shift=40), "1")
    assert list(last_hour.collect()) == []
    record(last_hour, tmp_path, scorer, customers(100), "2")
    assert set(np.round(list(metrics(last_hour)[1].values()), 12)) == {0.0}
    later = time.time() + 3660
    monkeypatch.setattr("time.time", lambda: later)
    assert list(last_hour.collect()) == []


def test_half_a_file_of_another_worker_is_ignored(scorer, tmp_path):
    (tmp_path / "last-hour-1.json").write_text('[["churn/1"')
    last_hour = LastHour(tmp_path)
    serve(last_hour, scorer, profile_of(scorer, customers(10)))
    assert list(last_hour.collect()) == []


def test_the_server_shows_them_for_a_version_with_a_profile(scorer, tmp_path):
    settings = {"inference_log": str(tmp_path), "inference_log_level": "counts"}
    profile = profile_of(scorer, customers(50))
    served = ServedModel("churn", "1", None, "", scorer, read_profile=lambda: profile)
    app = Application(served, settings)
    app.post("/predict", {"customers": customers(50)})
    app.models.inference_log.close()
    text = app.get("/metrics").body.decode()
    assert 'churn_term_shift{feature="tenure"}' in text
    assert "churn_score_mean 0." in text
    plain = Application(ServedModel("churn", "1", None, "", scorer), settings)
    assert "churn_term_shift" not in plain.get("/metrics").body.decode()
