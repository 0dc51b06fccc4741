import asyncio
import json
import logging
from dataclasses import replace

import pytest

from churn_model.errors import RegistryError, SchemaError
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from serving import served_model
from serving.http.logs import JsonFormatter
from serving.served_model import ModelHolder, ServedModel, check_replacement, load_if_available
from serving.shared_version import SharedVersion


def with_age(maximum):
    columns = (replace(c, maximum=maximum) if c.name == "age" else c for c in CUSTOMER_SCHEMA)
    return replace(CUSTOMER_SCHEMA, columns=tuple(columns))


@pytest.fixture
def version(scorecard):
    def make(number, *, max_age=120, simulated=False):
        scorer = Scorer(scorecard, with_age(max_age))
        return ServedModel("churn", number, "champion", "", scorer, simulated)

    return make


@pytest.fixture
def registry(monkeypatch):
    """A registry as a list: its last entry is the champion, or what loading it raises."""
    entries = []

    def load(uri, version=None):
        if version is not None:
            return next(e for e in entries if getattr(e, "version", None) == version)
        if isinstance(entries[-1], Exception):
            raise entries[-1]
        return entries[-1]

    def resolve(uri):
        return "churn", getattr(entries[-1], "version", f"broken {len(entries)}"), "champion"

    monkeypatch.setattr(served_model, "load_model", load)
    monkeypatch.setattr(served_model.loaded_version, "resolve", resolve)
    return entries


def watch(holder, seconds=0.1, interval=0.01):
    """Watch for a moment; returns the number of failures."""
    failures = []

    async def run():
        task = asyncio.create_task(holder.watch(interval, lambda: failures.append(1)))
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(run())
    return len(failures)


def test_all_workers_serve_the_version_that_they_agreed_on(registry, version, tmp_path):
    shared = SharedVersion(tmp_path)
    registry.append(version("1"))
    assert shared.settle("1") == "1"
    one, other = (started(version("1"), shared=shared) for _ in range(2))
    registry.append(version("2", max_age=90))
    assert watch(one) == 1
    replacement = load_if_available("models:/churn@champion", shared.read())
    assert replacement.version == "1"
    registry.append(version("3"))
    assert watch(one) == 0
    assert (one.current.version, shared.read()) == ("3", "3")
    registry.append(RegistryError("nobody there"))
    assert watch(other) >= 0  # follows without asking for the alias first
    assert other.current.version == "3"


def test_of_two_workers_that_replace_a_version_at_once_one_decides(registry, version, tmp_path):
    shared = SharedVersion(tmp_path)
    shared.settle("1")
    assert shared.replace("1", "2")
    assert not shared.replace("1", "3")
    assert (shared.read(), shared.settle("4")) == ("2", "2")


def test_with_an_interval_of_0_a_model_is_waited_for_and_never_replaced(
    registry, version, monkeypatch
):
    monkeypatch.setattr(served_model, "_SECONDS_BETWEEN_ATTEMPTS", 0.01)
    registry.append(RegistryError("nobody there"))
    holder = ModelHolder("models:/churn@champion")
    assert watch(holder, interval=0) >= 1
    registry.append(version("1"))
    watch(holder, interval=0)
    assert holder.current.version == "1"
    registry.append(version("2"))
    watch(holder, interval=0)
    assert holder.current.version == "1"


def started(served, **options):
    holder = ModelHolder("models:/churn@champion", **options)
    holder.start(served)
    return holder


def test_a_new_version_with_the_same_schema_is_served(registry, version):
    holder = started(version("1"))
    registry.append(version("2"))
    assert watch(holder) == 0
    assert holder.current.version == "2"


def test_a_narrower_version_is_not_served_and_the_message_says_what_to_do(registry, version):
    holder = started(version("1"))
    registry.append(version("2", max_age=90))
    assert watch(holder) == 1
    assert holder.current.version == "1"
    for part in (
        "version 2 is not served: its schema rejects inputs that version 1 accepts (age: ",
        "restart the server",
        "--allow-schema-change",
        "`churn train --name`",
    ):
        assert part in holder.problem
    assert "\n" not in holder.problem
    registry.append(version("1"))
    watch(holder)
    assert holder.problem is None


def test_with_allow_schema_change_a_narrower_version_is_served(registry, version):
    holder = started(version("1"), allow_schema_change=True)
    registry.append(version("2", max_age=90))
    watch(holder)
    assert holder.current.version == "2"


def test_a_real_version_replaces_a_placeholder_whatever_its_schema_and_this_is_logged(
    registry, version, caplog
):
    caplog.set_level(logging.INFO, "serving.audit")
    holder = started(version("1", simulated=True))
    registry.append(version("2", max_age=40))
    assert watch(holder) == 0
    assert holder.current.version == "2"
    assert caplog.messages == [
        "serving version 2, trained on real data; it replaces the placeholder version 1, which was "
        "trained on simulated customers"
    ]


def test_swapping_rejecting_and_rolling_back_are_audit_lines(registry, version, caplog):
    caplog.set_level(logging.INFO, "serving.audit")
    holder = started(version("9"))
    for entry in (version("10"), version("11", max_age=90), version("9")):
        registry.append(entry)
        watch(holder)
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [(line["event"], line["model"], line["version"]) for line in lines] == [
        ("swap", "churn", "10"),
        ("reject", "churn", "11"),
        ("roll_back", "churn", "9"),
    ]
    assert [line.get("previous_version") for line in lines] == ["9", None, "10"]
    assert "age: the maximum fell" in lines[1]["message"]
    assert all(line["logger"] == "serving.audit" and line["pid"] for line in lines)


def test_only_the_first_real_version_may_narrow_the_schema(version):
    check_replacement(version("2", max_age=40), version("1", simulated=True))
    for new, current in (
        (version("3", max_age=30), version("2", max_age=40)),
        (version("3", max_age=30, simulated=True), version("2", max_age=40)),
        (version("3", max_age=30, simulated=True), version("2", max_age=40, simulated=True)),
    ):
        with pytest.raises(SchemaError, match="version 3 is not served"):
            check_replacement(new, current)


def test_an_unreachable_registry_is_logged_once_and_asked_again(registry, version, caplog):
    holder = started(version("1"))
    registry.append(RegistryError("nobody there"))
    assert watch(holder) > 1
    assert caplog.messages == ["the model was not reloaded: nobody there"]
    registry.append(version("2"))
    watch(holder)
    assert (holder.current.version, holder.problem) == ("2", None)


def test_a_model_that_cannot_be_loaded_yet_is_one_line_of_the_log(registry, caplog):
    registry.append(RegistryError("nobody there"))
    assert load_if_available("models:/churn@champion") is None
    assert caplog.messages == ["no model is loaded yet, trying again: nobody there"]
