"""The error level of a comparison is spent over all examinations."""

import math

import pytest

from training.promotion.repeated_examinations import required_confidence


def test_the_levels_of_all_examinations_add_up_to_the_level_of_the_gate():
    spent = sum(1 - required_confidence(0.95, number) for number in range(1, 100_000))
    assert spent == pytest.approx(0.05, rel=1e-4)
    assert spent < 0.05


def test_each_examination_requires_more_confidence():
    levels = [required_confidence(0.95, number) for number in range(1, 20)]
    assert levels == sorted(levels)
    assert math.isclose(levels[0], 0.975)


def test_a_gate_that_nothing_passes_stays_closed():
    assert required_confidence(1.01, 7) == 1.01
