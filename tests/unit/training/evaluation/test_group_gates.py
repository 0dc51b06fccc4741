"""The gates on groups of customers."""

from dataclasses import replace

from training.evaluation.group_gates import group_values
from training.evaluation.slices import Slice

GROUP = Slice(
    feature="Region",
    label="north",
    customers=2000,
    observed=0.2,
    predicted=0.2,
    standard_error=0.009,
    log_loss=0.4,
    auc=0.8,
    selection_rate=0.2,
    recall=0.6,
    false_positive_rate=0.1,
)


def test_a_group_with_too_many_predicted_churners_counts_beyond_noise():
    wrong = replace(GROUP, label="south", predicted=0.3)
    values = group_values([GROUP, wrong], [])
    assert round(values["group_calibration"], 3) == round(0.1 - 4 * 0.009, 3)
    assert group_values([GROUP, replace(wrong, predicted=0.23)], [])["group_calibration"] == 0


def test_a_group_whose_churners_are_not_contacted_counts_if_its_column_is_audited():
    ignored = replace(GROUP, label="south", recall=0.0)
    assert group_values([GROUP, ignored], [])["group_contacted"] == 0
    assert group_values([GROUP, ignored], ["Region"])["group_contacted"] > 0.4


def test_a_small_group_and_small_differences_do_not_count():
    small = replace(GROUP, label="south", customers=100, recall=0.0)
    assert group_values([GROUP, small], ["Region"])["group_contacted"] == 0
    near = replace(GROUP, label="south", recall=0.55)
    assert group_values([GROUP, near], ["Region"])["group_contacted"] == 0
