from training.reporting.effect_figures import effect_figures
from training.reporting.evaluation_figures import evaluation_figures
from training.reporting.log_run import _file_names


def labels(figure):
    axes = figure.axes[0]
    return axes.get_xlabel(), axes.get_ylabel()


def test_axes_have_the_standard_terms(findings):
    figures = dict(evaluation_figures(findings.evaluation))
    assert {name: labels(figure) for name, figure in figures.items()} == {
        "roc": ("false positive rate", "recall"),
        "precision_recall": ("recall", "precision"),
        "calibration": ("predicted churn rate", "observed churn rate"),
        "gains": ("customers contacted, highest risk first", "recall"),
    }


def test_the_share_of_unlisted_levels_has_a_bar_of_its_own_beside_a_level_called_other(findings):
    drawn = dict(effect_figures(findings.scorecard, findings.schema, findings.table.customers))
    axes = drawn["other_plan"].axes[0]
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert [tick.split(" (")[0] for tick in ticks] == ["basic", "other", "other"]
    assert len(axes.patches) == 3


def test_every_feature_has_a_file_name_of_its_own():
    names = _file_names(["a b", "a/b", "$", "名前"])
    assert names == {"a b": "a_b", "a/b": "a_b_1", "$": "field", "名前": "名前"}


def test_effects_are_drawn_without_the_training_table_and_then_without_its_shares(findings):
    drawn = dict(effect_figures(findings.scorecard, findings.schema))
    assert list(drawn) == ["Gender", "Months", "other_plan"]
    ticks = [tick.get_text() for tick in drawn["Gender"].axes[0].get_yticklabels()]
    assert ticks == ["F", "M"]
    assert len(drawn["Months"].axes) == 1
