"""Tables that Spark reads give the same schema and the same sample as those read on one machine."""

import pytest
from pandas.testing import assert_frame_equal

from tests.unit.training.sampling.tables import FLAGS, customers, write
from training.arguments.train import train_options
from training.data.table import describe_rejected
from training.training_data import read_training_data


@pytest.fixture(scope="module")
def frame():
    frame = customers()
    frame["plan"] = ["monthly", "yearly", "two years"] * 2000
    frame.loc[::97, "monthly_charges"] = None
    frame.loc[8, "total_charges"] = -1.0  # a churner that is among the rare ones
    return frame


def read(table, *flags):
    return read_training_data(train_options(["--data", str(table), *FLAGS, *flags]))


def assert_equal(spark, local):
    assert spark.schema == local.schema
    assert spark.assumed == local.assumed
    assert spark.table.dataset.model_dump(exclude={"name"}) == local.table.dataset.model_dump(
        exclude={"name"}
    )
    assert spark.table.summary() == local.table.summary()
    assert spark.table.target == local.table.target
    assert spark.table.population == local.table.population
    assert describe_rejected(spark.table) == describe_rejected(local.table)
    assert_frame_equal(spark.table.customers, local.table.customers)
    assert (spark.table.churned == local.table.churned).all()
    assert spark.table.weights == pytest.approx(local.table.weights)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_give_the_same_with_both_engines(spark, tmp_path, frame, kind):
    folder = write(frame, tmp_path / "a", kind=kind)
    flags = ["--sample", "2000"]
    assert_equal(read(folder, *flags, "--engine", "spark"), read(folder, *flags))


def test_rare_churners_and_rejected_rows_are_the_same_in_a_catalog_table(spark, tmp_path, frame):
    rare = frame[(frame["churned"] == 0) | (frame.index % 8 == 0)].reset_index(drop=True)
    folder = write(rare, tmp_path / "a", kind="parquet")
    spark.read.parquet(str(folder)).write.saveAsTable("training_customers")
    try:
        schema = tmp_path / "schema.json"
        schema.write_text(_schema_with_a_minimum(read(folder).schema))
        flags = ["--sample", "1500", "--schema", str(schema)]
        by_spark = read("default.training_customers", *flags, "--engine", "spark")
        local = read(folder, *flags)
        assert by_spark.table.name == "training_customers"
        assert by_spark.table.rejected_rows == local.table.rejected_rows == 1
        assert len(set(by_spark.table.weights)) == 2
        assert by_spark.table.churn_rate == pytest.approx(local.table.churn_rate)
        assert_frame_equal(by_spark.table.customers, local.table.customers)
        assert describe_rejected(by_spark.table) == describe_rejected(local.table)
    finally:
        spark.sql("DROP TABLE training_customers")


def _schema_with_a_minimum(schema):
    import json

    document = schema.to_json_schema()
    document["properties"]["total_charges"]["minimum"] = 0
    return json.dumps(document)


def test_a_table_that_spark_does_not_know_is_named(spark):
    from churn_model.errors import TableError

    with pytest.raises(TableError, match=r"^default\.nothing: no such file or folder, and no"):
        read("default.nothing", "--engine", "spark")
