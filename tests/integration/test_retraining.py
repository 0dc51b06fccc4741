"""Next month's table is trained on with the champion's schema, so the two can be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.integration.conftest import SMALL_FIT, call
from training.promote import main as promote
from training.train import main as train

FLAGS = ("--id", "Id", "--target", "Left=yes")


def month(seed: int, rows: int = 1500) -> pd.DataFrame:
    """A month's customers, without anything rare."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"Id": [f"{seed}-{i}" for i in range(rows)]})
    table["Months"] = rng.integers(0, 72, rows).astype(str)
    table["Balance"] = rng.uniform(0, 900, rows).round(2).astype(str)
    table["Plan"] = rng.choice(["basic", "plus"], rows)
    risk = 1 - table["Months"].astype(int) / 18
    table["Left"] = np.where(rng.random(rows) < 1 / (1 + np.exp(-risk)), "yes", "no")
    return table


@pytest.fixture(scope="module")
def home(tmp_path_factory, empty_database):
    """A champion of a month with a missing value and a negative number."""
    folder = tmp_path_factory.mktemp("months")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    first = month(1)
    first.loc[3, "Months"] = ""
    first.loc[5, "Balance"] = "-12.5"
    regions = np.resize(["north", "south"], len(first))
    first.assign(Region=regions).to_csv(folder / "first.csv", index=False)
    month(2).to_csv(folder / "second.csv", index=False)
    month(3).assign(Region=regions).to_csv(folder / "third.csv", index=False)
    done = call(train, "--data", "first.csv", *FLAGS, *SMALL_FIT, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "inherited" not in done.stdout
    assert "models:/churn@champion as version 1" in done.stdout
    return folder


def test_a_challenger_that_inherits_can_be_compared(home):
    done = call(train, "--data", "second.csv", *FLAGS, *SMALL_FIT, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "inherited from version 1; left out: Region." in done.stdout
    assert "cannot be compared" not in done.stdout
    assert "churn promote" in done.stdout
    compared = call(promote, "--data", "third.csv", *FLAGS, cwd=home)
    assert compared.returncode in (0, 2), compared.stderr
    assert "difference in log loss" in compared.stdout
    assert "its schema rejects" not in compared.stdout


def test_a_schema_that_starts_afresh_rejects_what_the_champion_accepts(home):
    flags = ("--schema", "infer", *FLAGS, *SMALL_FIT)
    done = call(train, "--data", "second.csv", *flags, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "inherited" not in done.stdout
    assert "cannot be compared with version 1" in done.stdout


def test_another_name_inherits_nothing(home):
    flags = ("--name", "other", *FLAGS, *SMALL_FIT)
    done = call(train, "--data", "second.csv", *flags, cwd=home)
    assert "inherited" not in done.stdout
    assert "models:/other@champion as version 1" in done.stdout


def test_inferring_afresh_needs_a_target(home):
    done = call(train, "--data", "second.csv", "--dataset", "x.toml", "--schema", "infer", cwd=home)
    assert done.returncode == 1
    assert done.stderr.startswith("error: --schema infer needs --target")
