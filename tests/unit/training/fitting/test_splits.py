"""A customer is never on both sides of a split, and a model is never trained on the future."""

import numpy as np
import pytest

from churn_model.errors import TrainingError
from training.data.customers import CustomersOfRows
from training.fitting.date_splits import DatedRows, by_date
from training.fitting.fit import _bags
from training.fitting.splits import by_folds


def panel(customers=300, months=12, seed=0):
    """Monthly snapshots of the same customers."""
    rng = np.random.default_rng(seed)
    code = np.tile(np.arange(customers), months)
    first = np.datetime64("2025-01", "M")
    month_ends = np.array([first + month + 1 for month in range(months)], "datetime64[D]") - 1
    churned = (rng.random(len(code)) < 0.1).astype(np.int64)
    return DatedRows(churned, CustomersOfRows(code), np.repeat(month_ends, customers), "seen")


def test_folds_keep_the_rows_of_a_customer_together():
    rows = panel()
    splits = by_folds(rows.churned, folds=5, repeats=2, seed=0, customers=rows.customers)
    assert len(splits.pairs) == 10
    for train, test in splits.pairs:
        assert not set(rows.customers.code[train]) & set(rows.customers.code[test])
        assert len(train) + len(test) == len(rows.churned)
    assert splits.text.endswith("grouped by customer")


def test_the_folds_of_customers_with_one_row_each_are_those_of_scikit_learn():
    from sklearn.model_selection import RepeatedStratifiedKFold

    churned = (np.random.default_rng(0).random(200) < 0.3).astype(np.int64)
    expected = RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=3).split(
        churned, churned
    )
    found = by_folds(churned, folds=4, repeats=2, seed=3).pairs
    for (train, test), (expected_train, expected_test) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(train, expected_train)
        np.testing.assert_array_equal(test, expected_test)


def test_each_held_out_period_is_scored_by_models_of_earlier_rows_and_other_customers():
    rows = panel()
    splits = by_date(rows, window=60)
    assert 3 <= len(splits.periods) <= 5
    for period in splits.periods:
        held_out = []
        for split in period.splits:
            train, test = splits.pairs[split]
            assert rows.days[train].max() + np.timedelta64(60, "D") <= rows.days[test].min()
            assert not set(rows.customers.code[train]) & set(rows.customers.code[test])
            held_out += test.tolist()
        in_period = (rows.days >= period.first) & (rows.days <= period.last)
        assert sorted(held_out) == np.flatnonzero(in_period).tolist()
    assert splits.periods[-1].last == rows.days.max()
    assert splits.headline == splits.periods[-1].splits


def test_periods_follow_each_other_and_settings_are_selected_on_the_rows_before_all_of_them():
    rows = panel()
    splits = by_date(rows, window=30)
    for before, after in zip(splits.periods, splits.periods[1:], strict=False):
        assert before.last < after.first
        assert before.trained_to < after.trained_to
    assert rows.days[splits.development].max() < splits.periods[0].first


def test_customers_with_one_row_each_need_one_fit_per_period():
    rows = panel(customers=1200, months=1)
    days = np.datetime64("2026-01-01") + np.arange(1200) // 10
    splits = by_date(DatedRows(rows.churned, rows.customers, days, "Signed"))
    assert len(splits.pairs) == len(splits.periods)
    for train, test in splits.pairs:
        assert days[train].max() < days[test].min()
    assert "(Signed)" in splits.text


def test_a_snapshot_of_enough_rows_is_a_period_and_a_day_among_many_is_not():
    splits = by_date(panel(customers=6000, months=8))
    assert all(period.first == period.last for period in splits.periods)
    days = np.datetime64("2026-01-01") + np.arange(60_000) // 300
    churned = (np.random.default_rng(0).random(60_000) < 0.1).astype(np.int64)
    rows = DatedRows(churned, CustomersOfRows.one_per_row(60_000), days, "Signed")
    _, test = by_date(rows).pairs[-1]
    assert len(test) == 12_000


def test_a_period_before_which_too_few_customers_churned_is_not_held_out():
    rows = panel()
    rows.churned[rows.days < np.datetime64("2025-08-01")] = 0
    splits = by_date(rows)
    assert splits.periods[0].first > np.datetime64("2025-08-01")


@pytest.mark.parametrize("window", [0, 60, 4000])
def test_a_table_that_cannot_be_split_by_date_is_one_line(window):
    rows = panel(months=2)
    rows.churned[rows.days == rows.days.min()] = 0
    with pytest.raises(TrainingError, match="seen: cannot be split by date") as raised:
        by_date(rows, window=window)
    assert "\n" not in str(raised.value)


def test_the_rows_that_stop_boosting_are_of_other_customers():
    rows = panel()
    bags = _bags(rows.churned, rows.customers, 4, seed=0)
    assert bags.shape == (len(rows.churned), 4)
    for bag in bags.T:
        learned, validated = (set(rows.customers.code[bag == sign]) for sign in (1, -1))
        assert not learned & validated
        assert len(validated) == pytest.approx(0.15 * rows.customers.n, abs=1)
    assert (bags[:, 0] != bags[:, 1]).any()
