"""Identifiers in the inference log, and the key that hashes them."""

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from churn_model.errors import InferenceLogError
from churn_model.inference_log.identifiers import (
    as_texts,
    describe_identifiers,
    hash_cells,
    hash_identifier,
    hash_texts,
    hashed_forms,
    read_key,
    read_or_make_key,
)

KEY = bytes(range(32))


def test_the_hash_is_the_same_for_one_text_and_for_many():
    texts = ["C-1", "Zoë-17", "", "C-1\0", "C-1\0a", "C" * 1000]
    hashes = [hash_identifier(text, KEY) for text in texts]
    assert len(set(hashes)) == len(texts)
    column = pa.array([*texts, None, "C-1"])
    assert hash_texts(column, KEY).texts().to_pylist() == [*hashes, None, hashes[0]]
    assert hash_texts(column[1:3], KEY).texts().to_pylist() == hashes[1:3]
    assert hash_texts(column[:0], KEY).texts().to_pylist() == []
    assert hash_texts(pa.nulls(2, pa.string()), KEY).texts().to_pylist() == [None, None]


@pytest.mark.parametrize(
    "cells", [["C-1", None, "", "Zoë-17"], [17, None, 0], ["C-1", 17, None], [None, None], []]
)
def test_an_identifier_of_any_type_has_the_hash_of_its_text(cells):
    column = np.array(cells, dtype=object)
    texts = as_texts(column)
    assert texts.to_pylist() == [None if cell is None else str(cell) for cell in cells]
    expected = [None if text is None else hash_identifier(text, KEY) for text in texts.to_pylist()]
    assert hash_cells(column, KEY).texts().to_pylist() == expected


def test_hashes_stay_the_same_over_versions():
    """Rows that were logged a year ago are joined with labels that arrive today."""
    assert hash_identifier("C-1", KEY) == "c6329b03ea6cc1d0"
    assert describe_identifiers(KEY) == "siphash:5cad9a8bbf7fa260"


def test_another_key_gives_another_hash_and_another_fingerprint():
    other = bytes(32)
    assert hash_identifier("C-1", KEY) != hash_identifier("C-1", other)
    assert describe_identifiers(KEY) != describe_identifiers(other)


def test_files_with_an_older_hash_are_read():
    texts = pa.array(["C-1", "Zoë-17"])
    found = {form: hashes(texts).texts().to_pylist() for form, hashes in hashed_forms(KEY).items()}
    for name, algorithm in (("blake2s", hashlib.blake2s), ("blake2b", hashlib.blake2b)):
        fingerprint = algorithm(b"churn inference log key", key=KEY, digest_size=8).hexdigest()
        expected = [
            algorithm(t.encode(), key=KEY, digest_size=16).hexdigest() for t in texts.to_pylist()
        ]
        assert found[f"{name}:{fingerprint}"] == expected
    assert found[describe_identifiers(KEY)] == [
        hash_identifier("C-1", KEY),
        hash_identifier("Zoë-17", KEY),
    ]
    assert hashed_forms(None) == {}


def test_the_description_does_not_contain_the_key():
    name, _, digits = describe_identifiers(KEY).partition(":")
    assert (name, len(digits)) == ("siphash", 16)
    assert digits not in KEY.hex()
    assert describe_identifiers(None) == "plain"


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    file = tmp_path / "log.key"
    key = read_or_make_key(file)
    assert len(key) == 32
    assert read_or_make_key(file) == read_key(file) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_processes_that_start_at_once_agree_on_the_key(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(read_or_make_key, [tmp_path / "log.key"] * 64))
    assert len(keys) == 1


@pytest.mark.parametrize("content", [b"", b"12", b"x" * 64, b"\xff\xfe", b"0" * 65])
def test_a_file_that_is_no_key_is_reported_and_left_alone(tmp_path, content):
    file = tmp_path / "log.key"
    file.write_bytes(content)
    with pytest.raises(InferenceLogError, match=r"log\.key") as caught:
        read_or_make_key(file)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content


@pytest.mark.parametrize("folder", ["none", "file"])
def test_a_folder_that_cannot_have_a_key_is_named(tmp_path, folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(InferenceLogError, match="cannot be made"):
        read_or_make_key(tmp_path / folder / "log.key")
