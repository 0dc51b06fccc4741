import json

import pytest

from batch.output import REJECTED, SCORED, LocalStore, Output
from churn_model.errors import BatchError


@pytest.fixture
def begin(tmp_path):
    def begin(run, mode="error"):
        output = Output(LocalStore(), str(tmp_path / "out"), run, mode)
        output.prepare()
        for kind in (SCORED, REJECTED):
            output.store.write(f"{output.folder(kind)}/part.txt", run)
        return output

    return begin


def held(tmp_path, kind=SCORED):
    return sorted(path.read_text() for path in (tmp_path / "out" / kind).glob("run=*/part.txt"))


def test_nothing_is_there_before_it_is_published(tmp_path, begin):
    output = begin("r1")
    assert not (tmp_path / "out").exists()
    output.publish({"rows": 1})
    assert held(tmp_path) == held(tmp_path, REJECTED) == ["r1"]
    assert json.loads((tmp_path / "out" / "_summary-r1.json").read_text()) == {"rows": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_output_that_is_there_is_refused_added_to_or_replaced(tmp_path, begin):
    begin("r1").publish({})
    with pytest.raises(BatchError, match="--mode append"):
        begin("r2")
    begin("r3", "append").publish({})
    assert held(tmp_path) == ["r1", "r3"]
    begin("r4", "overwrite").publish({})
    assert held(tmp_path) == ["r4"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path, begin):
    begin("r1")
    assert (tmp_path / "out.partial-r1").exists()
    begin("r2").publish({})
    assert held(tmp_path) == ["r2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_append_that_was_killed_between_its_two_moves_is_undone_by_the_next(tmp_path, begin):
    begin("r1").publish({})
    half = begin("r2", "append")
    half.store.move(half.folder(REJECTED), f"{half.base}/{REJECTED}/run=r2")
    assert held(tmp_path) == ["r1"], "who reads the scored rows sees nothing of it"
    begin("r3", "append").publish({})
    assert held(tmp_path) == held(tmp_path, REJECTED) == ["r1", "r3"]


def test_an_overwrite_that_was_killed_between_its_two_moves_has_lost_nothing(tmp_path, begin):
    begin("r1").publish({})
    half = begin("r2", "overwrite")
    half.store.move(half.base, half.replaced)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BatchError, match="--mode append"):
        begin("r3")
    assert held(tmp_path) == ["r1"]
    begin("r4", "overwrite").publish({})
    assert held(tmp_path) == ["r4"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_discarded_is_gone(tmp_path, begin):
    begin("r1").discard()
    assert list(tmp_path.iterdir()) == []


def test_the_neighbours_of_an_output_are_left_alone(tmp_path, begin):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "output.partial-x").mkdir()
    begin("r1").publish({})
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.partial", "output.partial-x"}
