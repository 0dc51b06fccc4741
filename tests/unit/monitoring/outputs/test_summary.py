"""What the command prints, from results made by hand."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from monitoring.outputs.next_step import next_step
from monitoring.outputs.summary import summary
from monitoring.windows import Population
from tests.unit.monitoring.examples import findings, population_result

OUT = Path("out")


def test_the_summary_names_verdict_alarm_page_and_next_step():
    lines = summary(findings(), OUT).splitlines()
    assert lines[0].startswith("churn, version 3: watch")
    assert lines[1].startswith("ALARM (serve): drift tenure: tenure raises")
    assert "page: out/monitoring.html" in lines
    assert lines[-1].startswith("next: look for the cause")


def test_windows_that_do_not_begin_at_midnight_have_times():
    result = population_result(3, every=timedelta(hours=36), cohorts=0)
    lines = summary(findings(result, every=timedelta(hours=36)), OUT).splitlines()
    assert any(line.startswith("2026-05-02 12:00 to 2026-05-04 00:00") for line in lines)


def test_the_last_five_windows_are_a_table():
    lines = summary(findings(population_result(20)), OUT).splitlines()
    table = [line for line in lines if line.startswith("2026-05-")]
    assert [line.split()[0] for line in table] == [f"2026-05-{day}" for day in range(16, 21)]
    assert len({len(line) for line in table}) == 1


def test_other_versions_are_one_line_and_do_not_count():
    other = population_result(3, population=Population("churn", "2", "serve"))
    shown = findings(population_result(3, drifts=False), other)
    assert not shown.has_alarm
    assert "version 2, serve: watch, 1 alarm; it is another version" in summary(shown, OUT)


def test_the_command_that_uses_the_training_table_is_printed_once_whatever_the_verdict():
    command = "churn train --data new.csv --id id --target left=1 --as-of seen"
    for verdict in ("fine", "watch", "retrain"):
        result = replace(population_result(), verdict=verdict)
        shown = summary(replace(findings(result), labelled=command), OUT)
        assert shown.count(command) == 1
    assert "churn train" not in summary(findings(), OUT)


def test_retraining_is_the_command_that_uses_the_training_table():
    command = "churn train --data 'my new.csv' --id ID --target Left=yes"
    retrain = replace(population_result(3), verdict="retrain")
    shown = replace(findings(retrain), labelled=command)
    assert next_step(shown) == f"train a challenger on fresh labels: {command}"
    recalibrate = replace(findings(replace(retrain, verdict="recalibrate")), labelled=command)
    assert next_step(recalibrate).endswith(command.replace("train", "recalibrate"))


def test_another_model_is_named_in_the_command():
    retrain = replace(population_result(3), verdict="retrain")
    shown = replace(findings(retrain), model_name="other")
    assert next_step(shown).endswith("churn train --data FRESH.csv --name other")


def test_the_verdict_is_the_worst_of_the_current_populations():
    worse = replace(population_result(2), verdict="recalibrate")
    old = replace(population_result(2, population=Population("churn", "2", "a")), verdict="retrain")
    assert findings(population_result(2), worse, old).verdict == "recalibrate"


def test_a_version_that_has_not_scored_yet_is_not_judged():
    old = population_result(2, population=Population("churn", "2", "serve"))
    assert "nothing to judge" in summary(findings(old), OUT)
