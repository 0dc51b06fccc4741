import numpy as np
import pyarrow as pa
import pytest

from training.sampling.design import BUCKETS, RARE, design, histogram
from training.sampling.hashes import customer_hashes, row_hashes

RNG = np.random.default_rng(0)


def hashes(n):
    return RNG.integers(0, 2**64, n, dtype=np.uint64)


def drawn(rate, most, n=200_000):
    of_customers = hashes(n)
    churned = RNG.random(n) < rate
    chosen = design(
        histogram(of_customers), histogram(of_customers[churned]), most, of_customers[churned]
    )
    return chosen, of_customers, churned


def test_a_table_that_fits_is_used_as_a_whole():
    chosen, of_customers, _ = drawn(0.01, 200_000)
    assert (chosen.end, chosen.is_stratified) == (BUCKETS, False)
    assert chosen.contain(of_customers).all()


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.199, 0.2, 0.6])
def test_a_sample_has_nearly_as_many_rows_as_asked_for(rate):
    chosen, of_customers, churned = drawn(rate, 20_000)
    sampled = chosen.contain(of_customers)
    assert 0.98 * 20_000 < sampled.sum() <= 20_050
    assert chosen.is_stratified == (churned.mean() < RARE)


def test_weights_by_the_probabilities_give_the_number_of_rows():
    chosen, of_customers, churned = drawn(0.02, 20_000)
    sampled = chosen.contain(of_customers)
    weights = 1 / chosen.probabilities(of_customers[sampled])
    assert weights.sum() == pytest.approx(200_000, rel=0.02)
    assert weights[churned[sampled]].sum() == pytest.approx(churned.sum(), rel=0.02)
    assert churned[sampled].mean() == pytest.approx(RARE, abs=0.01)


def test_churners_with_many_rows_take_at_most_half_of_the_sample():
    of_customers, n = hashes(20_000), 20_000
    churned = RNG.random(n) < 0.05
    rows = histogram(np.repeat(of_customers, 10))
    chosen = design(rows, histogram(of_customers[churned]), 20_000, of_customers[churned], 10.0)
    sampled = chosen.contain(of_customers)
    assert chosen.is_stratified
    assert 10 * sampled.sum() <= 20_500
    assert 10 * sampled[churned].sum() == pytest.approx(10_000, rel=0.02)


def test_one_customer_with_all_rows_leaves_nothing_to_draw():
    rows = np.zeros(BUCKETS, dtype=np.int64)
    rows[7] = 1000
    assert not design(rows, rows // 2, 100, hashes(0)).end > 7


def batch(**columns):
    return pa.RecordBatch.from_pydict(columns)


def test_a_hash_does_not_depend_on_the_type_of_an_identifier():
    numbers = customer_hashes(batch(id=pa.array([7, 8])), "id")
    assert (customer_hashes(batch(id=["7", " 8 "]), "id") == numbers).all()
    assert (
        customer_hashes(batch(id=pa.array(["7", "8"]).dictionary_encode()), "id") == numbers
    ).all()


def test_customers_without_an_identifier_are_told_apart_by_their_rows():
    found = customer_hashes(batch(id=[None, "", "a", None], x=[1.0, 2.0, 2.0, 1.0]), "id")
    assert len(set(found.tolist())) == 3
    assert found[0] == found[3]


def test_equal_rows_have_equal_hashes_beside_missing_cells_and_in_any_order_of_columns():
    whole = row_hashes(batch(a=pa.array([1, 2]), b=["x", "y"]))
    with_missing = row_hashes(batch(b=["x", "z"], a=pa.array([1, None])))
    assert whole[0] == with_missing[0]
    assert whole[1] != with_missing[1]
    assert whole[0] != row_hashes(batch(a=pa.array([1]), b=["X"]))[0]


def test_cells_that_are_lists_are_hashed_too():
    first, second = row_hashes(batch(a=[[1, 2], [1, 3]]))
    assert first != second


def test_hashes_are_the_same_on_every_machine_and_in_every_version():
    assert customer_hashes(batch(id=["C000001", "007"]), "id").tolist() == KNOWN


KNOWN = [14230907589172395046, 11479901233616525089]
