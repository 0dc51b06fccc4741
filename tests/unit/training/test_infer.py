import json

import pytest

from training.data.simulator import simulate
from training.infer import main


@pytest.fixture
def table(tmp_path):
    drawn = simulate(200, seed=2)
    path = tmp_path / "customers.csv"
    drawn.customers.assign(Exited=drawn.churned).to_csv(path, index=False)
    return str(path)


def test_the_schema_is_printed_without_64_bit_bounds_and_the_summary_separately(table, capsys):
    assert main([table, "--id", "customer_id", "--target", "Exited=1"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["properties"]["tenure"] == {"type": "integer", "minimum": 0}
    assert output.err.startswith("target Exited: churned 1 (65); kept 0 (135)\n4 features:")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "--target COLUMN=VALUE is missing; it names the value that means churned"),
        (["--target", "Exitd=1"], "no column 'Exitd' (--target). Did you mean 'Exited'?"),
    ],
)
def test_a_missing_or_misspelled_target_is_one_line(table, capsys, flags, complaint):
    assert main([table, *flags]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert complaint in output.err
    assert output.err.count("\n") == 1
