"""Texts that are too long for full batches of rows."""

from __future__ import annotations

import pandas as pd
import pytest

from batch.spark_batch_bytes import long_rows, unmeasured_batches
from pyfunc import registry as models
from tests.integration.batch.conftest import command, rows
from training.data.simulator import simulate

BYTES = "spark.sql.execution.arrow.maxBytesPerBatch"
ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
LONG = 100_000


@pytest.fixture
def customers() -> pd.DataFrame:
    """Long texts in each column of text; every third row has an invalid charge."""
    frame = simulate(60, seed=3).customers
    frame["region"] = ["north", None, "r" * 150] * 20
    for row in range(0, 60, 4):
        frame.loc[row, "customer_id"] += "ä" * LONG
    frame.loc[::3, "monthly_charges"] = -1.0
    return frame


@pytest.mark.parametrize("file_format", ["parquet", "csv", "json"])
def test_rows_with_long_texts_are_scored_or_rejected_like_the_others(
    engine, file_format, customers, tmp_path, capsys
):
    source, out = tmp_path / f"customers.{file_format}", tmp_path / "out"
    if file_format == "parquet":
        customers.to_parquet(source)
    elif file_format == "csv":
        customers.to_csv(source, index=False)
    else:
        customers.to_json(source, orient="records", lines=True)
    flags = ["--output-format", "parquet", "--partition-by", "region", "--max-rejected", 1]
    if file_format == "json":
        flags = flags[:2] + flags[4:]  # lines have no columns
    code, summary, _ = command(engine, capsys, source, out, *flags)
    assert (code, summary["rows"], summary["rejected"]) == (0, 60, 20)
    valid = customers[customers["monthly_charges"] > 0].sort_values("customer_id")
    expected = models.load().predict(valid.drop(columns="region"))
    scored = rows(out, "scored")
    assert [row["customer_id"] for row in scored] == expected["customer_id"].tolist()
    assert [row["churn_probability"] for row in scored] == pytest.approx(
        expected["churn_probability"].tolist(), abs=1e-12
    )


@pytest.mark.parametrize("rows_per_batch", [1_000, 1])
def test_a_catalog_table_with_long_texts_is_scored(
    registry, spark, customers, tmp_path, capsys, rows_per_batch
):
    """In small batches, rows may be long."""
    before = {name: spark.conf.get(name) for name in (BYTES, ROWS)}
    spark.conf.set(ROWS, str(rows_per_batch))
    spark.sql("CREATE DATABASE IF NOT EXISTS long_texts")
    try:
        spark.createDataFrame(customers).write.saveAsTable("long_texts.customers")
        flags = ["--format", "table", "--max-rejected", 1]
        code, summary, _ = command(
            "spark", capsys, "long_texts.customers", "long_texts.out", *flags
        )
        assert (code, summary["scored"], summary["rejected"]) == (0, 40, 20)
        scored = [row["customer_id"] for row in spark.table("long_texts.out_scored").collect()]
        valid = customers[customers["monthly_charges"] > 0]
        assert sorted(scored) == sorted(valid["customer_id"])
        assert spark.conf.get(BYTES) == before[BYTES]
    finally:
        spark.sql("DROP DATABASE long_texts CASCADE")
        spark.conf.set(ROWS, before[ROWS])


def test_a_row_is_long_if_full_batches_of_such_rows_exceed_the_limit(spark):
    before = {name: spark.conf.get(name) for name in (BYTES, ROWS)}
    texts = spark.createDataFrame([("ä" * 44, 1, None), ("ä" * 43, 1, "x"), (None, 1, None)])
    wide = texts.select("*", *(texts["_2"].alias(f"n{i}") for i in range(10)))
    try:
        spark.conf.set(BYTES, "106k")
        spark.conf.set(ROWS, "1024")
        condition = long_rows(spark, texts)  # 19 of 106 bytes are not the texts
        assert [row[0] for row in texts.select(condition).collect()] == [True, False, False]
        assert long_rows(spark, wide) is None
        assert long_rows(spark, texts.selectExpr("array(_1)")) is None
        with unmeasured_batches(spark):
            assert long_rows(spark, texts) is None
        assert spark.conf.get(BYTES) == "106k"
        spark.conf.set(ROWS, "0")  # no limit
        assert long_rows(spark, texts) is None
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)
