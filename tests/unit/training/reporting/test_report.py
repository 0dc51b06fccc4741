import re
from dataclasses import replace

import pytest

from training.data.dataset import Dataset, Target
from training.reporting.report import report
from training.reporting.run_figures import RunFigures


def section(page, name):
    """The text of a section, without tags."""
    (found,) = re.findall(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


@pytest.fixture(scope="module")
def page(findings, figures):
    return report(findings, figures)


@pytest.fixture(scope="module")
def no_figures():
    return RunFigures({}, {}, {})


def test_the_groups_of_a_protected_attribute_are_shown_at_the_threshold(page, findings):
    text = section(page, "protected")
    assert "Gender looks like sex; mean absolute effect" in text
    assert "1 of 3 features looks like one by name" in text
    assert "30.0% (the decision threshold) or more" in text
    groups = [each for each in findings.slices if each.feature == "Gender"]
    assert [each.label for each in groups] == ["F", "M", "other", "missing"]
    for each in groups:
        row = rf"{each.label}(?: \(miscalibrated\))? {each.customers} {each.observed:.1%}"
        row += rf" {each.predicted:.1%} {each.selection_rate:.1%} {each.auc:.3f} {each.recall:.1%}"
        assert re.search(rf"{row} {each.false_positive_rate:.1%} ", text), (row, text)


def test_the_report_says_how_to_leave_a_protected_attribute_out(findings, no_figures):
    dataset = Dataset(
        name="made up",
        columns={"Gender": "Sex of customer", "Months": "Months", "other_plan": "Plan"},
        target=Target(column="Exited", churned=["1"], kept=["0"]),
    )
    page = report(replace(findings, table=replace(findings.table, dataset=dataset)), no_figures)
    assert "--exclude &#34;Sex of customer&#34;" in page


def test_without_protected_attributes_the_report_says_so(findings, no_figures):
    schema = replace(findings.schema, columns=findings.schema.columns[1:])
    page = report(replace(findings, schema=schema), no_figures)
    assert "None of the 2 features was recognised by its name" in section(page, "protected")


def test_a_group_of_one_class_has_a_dash_for_each_metric_that_is_undefined(findings, no_figures):
    slices = [
        replace(each, auc=None, recall=None) if each.label == "F" else each
        for each in findings.slices
    ]
    text = section(report(replace(findings, slices=slices), no_figures), "protected")
    assert re.search(
        " F (.miscalibrated. )?[0-9]+ [^ ]+ [^ ]+ [^ ]+ \N{EN DASH} \N{EN DASH} [^ ]+% ", text
    )


def test_the_report_says_what_a_version_that_passes_replaces(findings, no_figures):
    passed = [replace(result, passed=True) for result in findings.gate_results]
    text = " ".join(report(replace(findings, gate_results=passed), no_figures).split())
    assert "becomes champion if there is none, or only a placeholder." in text


def test_alarms_and_failed_gates_are_at_the_top(page):
    top = page[: page.index('<section id="data">')]
    assert "Not fit for production" in top
    assert "Leakage alarm, Months:" in top
    assert "leakage alarms 1, at most 0 required" in top


def test_the_page_loads_nothing_and_its_figures_have_no_ids_in_common(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    shared = {name for name in ids if ids.count(name) > 1}
    assert not {name for name in shared if re.fullmatch(r"[mp][0-9a-f]{10}", name)}
    assert "<script" not in page
    assert "<img" not in page
