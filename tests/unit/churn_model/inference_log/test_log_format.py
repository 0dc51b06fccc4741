"""Names and columns of the inference log's files."""

from datetime import date

import pytest

from churn_model.errors import InferenceLogError
from churn_model.inference_log import log_format
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column


def schema(*names: str) -> RecordSchema:
    features = [Column(name, "number", required=False) for name in names]
    return RecordSchema("customer", (Column("customer_id", "identifier"), *features))


def test_a_date_folder_is_read_as_it_is_written():
    day = date(2026, 1, 31)
    assert log_format.day_of_folder(log_format.date_folder(day)) == day


@pytest.mark.parametrize("name", ["date=2026-02-30", "date=2026-01-31x", "counts", "date=", ""])
def test_another_folder_has_no_date(name):
    assert log_format.day_of_folder(name) is None


def test_a_part_is_recognized_by_its_name():
    assert log_format.is_part_name(log_format.part_name("0af3", 12))
    assert log_format.is_part_name("_" + log_format.part_name("0af3", 12))
    assert not log_format.is_part_name("part-1.parquet")
    assert not log_format.is_part_name("export-0af3-1.parquet")


def test_identifiers_stand_between_the_columns_of_the_log_and_features_after_them():
    made = log_format.row_schema(schema("charges"), ["charges"], "plain")
    assert made.names[:4] == ["inference_id", "request_id", "row", "customer_id"]
    assert made.names[-1] == "charges"
    assert log_format.is_own(made.metadata)
    assert made.metadata[log_format.IDENTIFIERS_KEY] == b"plain"


def test_a_feature_with_the_name_of_a_column_is_an_error_only_if_it_is_logged():
    log_format.row_schema(schema("source"), [], "plain")
    with pytest.raises(InferenceLogError, match="'source' has the name of a column"):
        log_format.row_schema(schema("source"), ["source"], "plain")


def test_a_file_without_the_metadata_is_foreign():
    assert log_format.is_own(log_format.counts_schema().metadata)
    assert not log_format.is_own(None)
    assert not log_format.is_own({log_format.FORMAT_KEY: b"2"})
