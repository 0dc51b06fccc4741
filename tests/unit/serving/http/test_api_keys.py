from pathlib import Path

import pytest

from churn_model.errors import InvalidParameter
from serving.http.api_keys import ApiKeys, add, load_keys, make
from serving.keys import main


def test_a_key_belongs_to_its_client_only():
    (first, first_stored), (second, second_stored) = make(), make()
    keys = ApiKeys({"billing": first_stored, "marketing": second_stored})
    assert keys.client(first.encode()) == "billing"
    assert keys.client(second.encode()) == "marketing"
    for wrong in (b"", b"churn_", first.encode()[:-1], first_stored.encode()):
        assert keys.client(wrong) is None


def test_only_the_hash_is_stored(tmp_path):
    file = tmp_path / "keys.toml"
    made = {name: add(file, name) for name in ("a", "b")}
    text = file.read_text()
    assert not any(key in text for key in made.values())
    keys = load_keys(file)
    assert {keys.client(key.encode()) for key in made.values()} == {"a", "b"}


def test_keys_come_from_a_file_and_from_pairs_together(tmp_path):
    key = add(tmp_path / "keys.toml", "a")
    other, stored = make()
    keys = load_keys(tmp_path / "keys.toml", [f"b={stored}"])
    assert keys.client(key.encode()) == "a"
    assert keys.client(other.encode()) == "b"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[keys]\na = 'abc'", "must be stored as sha256"),
        ("[keys]\na = 5", "keys.a: Input should be a valid string"),
        ("keys = 5", "keys: Input should be a valid dictionary"),
        ("[keys", "is not valid TOML"),
        ("", "contains no keys"),
        ("[keys]\n'b b' = 'sha256:" + "0" * 64 + "'", "a name consists of"),
    ],
)
def test_an_invalid_keys_file_is_one_line(tmp_path, text, complaint):
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(InvalidParameter, match=complaint):
        load_keys(file)


def test_a_second_key_for_a_client_is_rejected_and_the_first_one_stays(tmp_path):
    file = tmp_path / "keys.toml"
    key = add(file, "a")
    with pytest.raises(InvalidParameter, match="already has a key"):
        add(file, "a")
    assert load_keys(file).client(key.encode()) == "a"


def test_the_command_prints_the_key_alone_on_stdout(capsys):
    assert main(["billing"]) == 0
    printed = capsys.readouterr()
    name, _, stored = printed.err.strip().partition("=")
    assert ApiKeys({name: stored}).client(printed.out.strip().encode()) == "billing"
    assert main(["no good"]) == 1
    assert printed.out.count("\n") == 1


def test_an_unwritable_keys_file_is_one_line(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    for file, complaint in (
        (tmp_path / "nowhere" / "keys.toml", f"the folder {tmp_path}/nowhere does not exist"),
        (tmp_path / "folder", "cannot be read (Is a directory)"),
        (Path("/proc/keys.toml"), "/proc/keys.toml: "),
    ):
        assert main(["a", "--file", str(file)]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ")
        assert printed.err.count("\n") == 1
        assert complaint in printed.err
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path, monkeypatch):
    def fails(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(InvalidParameter, match=r"cannot be written \(Permission denied\)"):
        add(tmp_path / "keys.toml", "a")
    assert list(tmp_path.iterdir()) == []
