import pytest

from churn_model.errors import InvalidToml
from training.evaluation.gates import DEFAULT, check_gates, failed_gates, load_gates


def test_the_absolute_gates_are_the_table_first_of_the_file():
    gates = load_gates()
    values = {"auc": 0.59, "calibration_error": 0.05, "skill": float("nan"), "alarms": 0.0}
    values |= {"observed_expected": 1.25, "calibration_slope": 1.5, "baseline_share": 0.9}
    values |= {"group_calibration": 0.05, "group_contacted": 0.4}
    assert failed_gates(check_gates(gates.absolute, values)) == [
        "AUC 0.59, at least 0.6 required",
        "share of the base rate's log loss removed nan, at least 0.001 required",
    ]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[first]", "[frist]", r"\[frist\] is not a known setting. Did you mean 'first'\?"),
        ("[first]", "[absolute]", "first: Field required"),
        ("threshold = 0.6", "threshold = true", r"first.auc.threshold: "),
        ("[first]", "[first", "is not valid TOML"),
    ],
)
def test_an_invalid_file_is_one_line_that_says_what_to_correct(tmp_path, old, new, complaint):
    path = tmp_path / "gates.toml"
    path.write_text(DEFAULT.read_text().replace(old, new, 1))
    with pytest.raises(InvalidToml, match=complaint) as caught:
        load_gates(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
