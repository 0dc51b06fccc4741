"""Joins labels with the predictions that were current when the customers were observed.

Labels are in memory; the scored rows are read in blocks. A label is joined, for each source, with
the latest prediction for its customer that was made before the end of the observation date (UTC)
and is not older than the label's window. Without a window, any earlier prediction will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from churn_model.arrays import Floats
from churn_model.inference_log.identifiers import PLAIN, hashed_forms
from monitoring.inputs.predictions import Block
from monitoring.labels.table import Labels

Longs = npt.NDArray[np.int64]

_DAY = 86_400_000_000
_SPAN = 1 << 22  # days; more than any two dates are apart
_NEVER = np.iinfo(np.int64).min
_ALWAYS = 400 * 365


@dataclass
class Current:
    """For each of n labels, the current prediction of one source; ``scored_at`` is _NEVER if none.

    ``version``, ``file`` (n,): positions in ``versions`` and ``files`` of the join.
    """

    scored_at: Longs
    probability: Floats
    version: Longs
    file: Longs
    row: Longs

    @classmethod
    def none(cls, n: int) -> Current:
        """No prediction for any label."""
        return cls(
            np.full(n, _NEVER),
            np.full(n, np.nan),
            *(np.full(n, -1, dtype=np.int64) for _ in range(3)),
        )

    @property
    def labels(self) -> npt.NDArray[np.intp]:
        """The labels that have a prediction."""
        return np.flatnonzero(self.scored_at != _NEVER)


@dataclass
class Join:
    """The result, and what was seen on the way, which explains a join without matches.

    ``current``: by source. ``forms``: the rows that were read, by the form of their identifiers.
    ``known_customers``: the rows whose customer has a label, on whatever day.
    """

    current: dict[str, Current] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    known_customers: int = 0


def join(labels: Labels, blocks: Iterable[Block], key: bytes | None) -> Join:
    """Join labels with blocks of predictions. ``key``: of the log's hashed identifiers."""
    index = _index(labels.customers, key)
    order, keys = _sorted_keys(labels)
    result = Join()
    for block in blocks:
        result.forms[block.form] += len(block.rows)
        if block.form not in index:
            continue
        texts = block.identifiers.to_numpy(zero_copy_only=False)
        customer = index[block.form].get_indexer(texts)
        chosen = np.flatnonzero((customer >= 0) & (block.scored_at != _NEVER))
        result.known_customers += len(chosen)
        if len(chosen):
            found = block.take(chosen)
            label, row = _eligible(
                customer[chosen], found.scored_at, keys, order, labels.observation.window
            )
            _update(result, len(labels), found, label, row)
    return result


def _index(customers: npt.NDArray[np.object_], key: bytes | None) -> Mapping[str, pd.Index]:
    """For each form of identifiers that can be read, the customers in that form.

    Customers with the same hash cannot be told apart, and are not found.
    """
    index = {PLAIN: pd.Index(customers, dtype=object)}
    for form, hashes in hashed_forms(key).items():
        hashed = pd.Series(hashes(pa.array(customers, pa.string())).texts().to_pylist())
        index[form] = pd.Index(hashed.mask(hashed.duplicated(keep=False), customers), dtype=object)
    return index


def _sorted_keys(labels: Labels) -> tuple[npt.NDArray[np.intp], Longs]:
    """The labels ordered by customer and day, and their sorted keys."""
    keys = _key(labels.customer.astype(np.int64), labels.days.astype(np.int64))
    order = np.argsort(keys, kind="stable")
    return order, keys[order]


def _key(customer: Longs, day: Longs) -> Longs:
    return customer * _SPAN + (day + _SPAN // 2)


def _eligible(
    customer: npt.NDArray[np.intp],
    scored_at: Longs,
    keys: Longs,
    order: npt.NDArray[np.intp],
    window: int,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The pairs of a label and a prediction (its position) that may be current for it."""
    day = scored_at // _DAY
    first = np.searchsorted(keys, _key(customer.astype(np.int64), day), "left")
    until = day + (window or _ALWAYS)
    end = np.searchsorted(keys, _key(customer.astype(np.int64), until), "right")
    size = end - first
    row = np.repeat(np.arange(len(day)), size)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    return order[first[row] + offset], row


def _update(
    result: Join,
    n: int,
    found: Block,
    label: npt.NDArray[np.intp],
    row: npt.NDArray[np.intp],
) -> None:
    """Take over the predictions that are later than those known so far."""
    result.files.append(found.file)
    sources, versions = (
        pd.factorize(c.to_numpy(zero_copy_only=False)) for c in (found.sources, found.versions)
    )
    version_of = np.array([_position(result.versions, each) for each in versions[1]])
    for number, source in enumerate(sources[1]):
        current = result.current.setdefault(source, Current.none(n))
        is_source = sources[0][row] == number
        own_label, own_row = label[is_source], row[is_source]
        order = np.lexsort((own_row, found.scored_at[own_row], own_label))
        own_label, own_row = own_label[order], own_row[order]
        last = np.append(own_label[1:] != own_label[:-1], True)[: len(own_label)]
        own_label, own_row = own_label[last], own_row[last]
        later = found.scored_at[own_row] >= current.scored_at[own_label]
        own_label, own_row = own_label[later], own_row[later]
        current.scored_at[own_label] = found.scored_at[own_row]
        current.probability[own_label] = found.probability[own_row]
        current.version[own_label] = version_of[versions[0][own_row]]
        current.file[own_label] = len(result.files) - 1
        current.row[own_label] = found.rows[own_row]


def _position(known: list[str], name: str) -> int:
    if name not in known:
        known.append(name)
    return known.index(name)
