"""The names of the metrics in MLflow."""

import pytest
from mlflow.utils.validation import _validate_metric_name

from monitoring.outputs.mlflow_log import _valid_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("serve/version 1/shift/calls per day", "serve/version 1/shift/calls per day"),
        ("serve/version 1/shift/calls//day", "serve/version 1/shift/calls/_/day"),
        ("serve/version 1/shift/../<b>/", "serve/version 1/shift/_/_b_/_"),
        ("/version 1/auc", "_/version 1/auc"),
    ],
)
def test_any_name_of_a_feature_or_source_is_made_valid(name, expected):
    assert _valid_name(name) == expected
    _validate_metric_name(_valid_name(name))
