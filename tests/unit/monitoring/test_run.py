"""What ``churn monitor`` checks before it reads anything."""

from pathlib import Path

import pytest

from churn_model.errors import MonitoringError
from monitoring.options import MonitorOptions
from monitoring.run import monitor


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"treatment": "contacted"}, "--treatment must be COLUMN=VALUE"),
        ({"labelled": Path(__file__)}, "is neither .csv nor .parquet"),
    ],
)
def test_invalid_options_of_labels_are_reported_before_the_model_and_the_log_are_read(
    changes, message
):
    options = MonitorOptions(
        model_uri="models:/no_such_model/1",
        output=Path("out"),
        log="no-such-log",
        labels=Path("labels.csv"),
        id="customer_id",
        target=("left=yes",),
        as_of="seen",
        **changes,
    )
    with pytest.raises(MonitoringError, match=message):
        monitor(options)
