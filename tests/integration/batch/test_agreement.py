"""Batch scoring, the pyfunc and the server score and reject the same rows for the same reasons."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet
import pytest

from pyfunc import registry as models
from tests.integration.batch import awkward
from tests.integration.batch.conftest import command, rows
from tests.integration.serving.conftest import our_server


@pytest.fixture(scope="module")
def model(registry):
    """The registered model's code, without MLflow's conversions before it."""
    return models.load().unwrap_python_model()


def reported(model, frame) -> list[tuple]:
    scores = model.predict(None, frame, {"on_invalid": "report"})
    columns = (scores[name] for name in ("customer_id", "churn_probability", "error"))
    return list(zip(*columns, strict=True))


def split_outcomes(outcomes) -> tuple[list, list]:
    """(id, probability) of the scored rows and the errors of the rejected rows, ordered."""
    scored = sorted((i, round(p, 12)) for i, p, error in outcomes if error is None)
    rejected = sorted(error for _, _, error in outcomes if error is not None)
    return scored, rejected


def written(target) -> tuple[list, list]:
    scored = [(r["customer_id"], round(r["churn_probability"], 12)) for r in rows(target, "scored")]
    return sorted(scored), sorted(r["error"] for r in rows(target, "rejected"))


def test_json_lines_are_scored_and_rejected_like_the_pyfunc(engine, model, tmp_path, capsys):
    customers = awkward.json_customers()
    assert len(customers) > 190
    source = tmp_path / "customers.json"
    ends = ("\n", "\r\n", "\n\r\n \n")  # blank lines are ignored
    lines = [json.dumps(customer) + ends[i % 3] for i, customer in enumerate(customers)]
    source.write_bytes("".join(lines).encode())
    flags = ["--output-format", "parquet", "--max-rejected", 1]
    code, summary, stderr = command(engine, capsys, source, tmp_path / "out", *flags)
    assert code == 0, stderr
    expected = split_outcomes(reported(model, pd.DataFrame(customers, dtype=object)))
    assert written(tmp_path / "out") == expected
    assert (summary["scored"], summary["rejected"]) == tuple(map(len, expected))
    assert summary["rows"] == len(customers)
    rejected = {row["value"].rstrip("\r") for row in rows(tmp_path / "out", "rejected")}
    assert rejected <= {json.dumps(customer) for customer in customers}


def test_json_lines_with_invalid_utf8_are_rejected(engine, registry, tmp_path, capsys):
    lines = [json.dumps(awkward.GOOD | {"customer_id": "c@"}).encode() for _ in range(3)]
    bad = [
        line.replace(b"@", byte) for line, byte in zip(lines, (b"1", b"\xff", b"\xfe"), strict=True)
    ]
    (tmp_path / "customers.json").write_bytes(b"\n".join(bad))
    flags = ["--output-format", "parquet", "--max-rejected", 1]
    source, out = tmp_path / "customers.json", tmp_path / "out"
    code, summary, stderr = command(engine, capsys, source, out, *flags)
    assert code == 0, stderr
    assert [row["customer_id"] for row in rows(out, "scored")] == ["c1"]
    assert summary["reasons"] == {"customer_id:string_unicode": 2}
    assert {row["value"] for row in rows(out, "rejected")} == {bad[1].decode(errors="replace")}


def test_the_server_scores_and_rejects_each_row_like_the_pyfunc(registry, model):
    customers = awkward.json_customers()
    expected = reported(model, pd.DataFrame(customers, dtype=object))
    with our_server(registry) as server:
        for customer, (_, probability, error) in zip(customers, expected, strict=True):
            reply = server.post("/predict/single", json=customer)
            content = reply.json()
            if error is None:
                assert reply.status_code == 200
                assert content["churn_probability"] == pytest.approx(probability, abs=1e-12)
            else:
                assert reply.status_code == 400
                messages = [f"{e['loc'][-1]}: {e['msg']}" for e in content["errors"]]
                assert "; ".join(messages) == error


def test_typed_tables_are_scored_and_rejected_like_the_pyfunc(engine, model, tmp_path, capsys):
    expected, actual = [], []
    for number, table in enumerate(awkward.typed_tables()):
        source, target = tmp_path / f"{number}.parquet", tmp_path / f"out{number}"
        pyarrow.parquet.write_table(table, source)
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
        expected.append(split_outcomes(reported(model, frame)))
        code, summary, _ = command(engine, capsys, source, target, "--max-rejected", 1)
        assert code == (0 if expected[-1][0] else 2)
        assert summary["rows"] == table.num_rows
        actual.append(written(target))
    assert actual == expected


def test_csv_cells_are_read_as_the_schema_declares_them(engine, tmp_path, capsys):
    source = tmp_path / "customers.csv"
    source.write_bytes(awkward.csv_bytes())
    flags = ["--output-format", "parquet", "--max-rejected", 1]
    code, summary, stderr = command(engine, capsys, source, tmp_path / "out", *flags)
    assert code == 0, stderr
    scored = [row["customer_id"] for row in rows(tmp_path / "out", "scored")]
    assert sorted(scored) == sorted(["c1", "c2", "c3", " c17 ", 'c"18', "客户🙂", "c1", "c23"])
    rejected = rows(tmp_path / "out", "rejected")
    identifier = next(name for name in rejected[0] if "customer_id" in name)
    rules = {row[identifier]: row["rules"] for row in rejected if row["corrupt_line"] is None}
    assert rules == {
        "c4": "age:int_from_float",
        "c5": "age:greater_than_equal",
        "c6": "age:int_parsing",
        "c7": "age:missing",
        "c8": "age:missing",
        "c9": "monthly_charges:float_parsing",
        "c10": "monthly_charges:finite_number",
        "c11": "monthly_charges:missing",
        "c12": "monthly_charges:finite_number",
        "c13": "monthly_charges:float_parsing",
        "c14": "monthly_charges:float_parsing",
        "": "customer_id:missing",
        "c19": "age:finite_number",
        "c20": "age:int_parsing",
        "c21": "age:int_parsing",
        "c22": "tenure:int_range",
        "c\ufffd24": "customer_id:string_unicode",
    }
    uneven = sorted(row["corrupt_line"] for row in rejected if row["corrupt_line"] is not None)
    assert uneven == ["c15,42,12,70.5", "c16,42,12,70.5,846,x,y"]
    assert summary["rows"] == len(scored) + len(rejected) == 27
