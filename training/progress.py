"""Runs the stages of a training run with a progress bar. Nothing is shown without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tqdm import tqdm

from training.interrupt import interruptible

_BAR = "{desc:<18} {bar:30} {n_fmt}/{total_fmt} stages, {elapsed}"


class Stage(NamedTuple):
    """A named part of a run."""

    name: str
    run: Callable[[], object]


def run_stages(stages: Sequence[Stage]) -> None:
    """Run the stages in order, with a progress bar."""
    with (
        interruptible() as raise_if_interrupted,
        tqdm(total=len(stages), disable=None, leave=False, bar_format=_BAR) as bar,
    ):
        for stage in stages:
            raise_if_interrupted()
            bar.set_description_str(stage.name)
            stage.run()
            bar.update()
