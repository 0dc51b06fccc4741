import pytest

from churn_model.errors import InvalidParameter
from serving.http.api_keys import ApiKeys, add, load_keys, make
from serving.keys import main


def test_a_key_belongs_to_its_client_and_to_nobody_else():
    (first, first_stored), (second, second_stored) = make(), make()
    keys = ApiKeys({"billing": first_stored, "marketing": second_stored})
    assert keys.client(first.encode()) == "billing"
    assert keys.client(second.encode()) == "marketing"
    for wrong in (b"", b"churn_", first.encode()[:-1], first_stored.encode()):
        assert keys.client(wrong) is None


def test_only_the_hash_is_stored(tmp_path):
    file = tmp_path / "keys.toml"
    found = {name: add(file, name) for name in ("a", "b")}
    text = file.read_text()
    assert not any(key in text for key in found.values())
    keys = load_keys(file)
    assert {keys.client(key.encode()) for key in found.values()} == {"a", "b"}


def test_keys_come_from_a_file_and_from_pairs_together(tmp_path):
    key = add(tmp_path / "keys.toml", "a")
    other, stored = make()
    keys = load_keys(tmp_path / "keys.toml", [f"b={stored}"])
    assert keys.client(key.encode()) == "a"
    assert keys.client(other.encode()) == "b"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[keys]\na = 'abc'", "not stored as sha256"),
        ("[keys]\na = 5", r"\[keys\] holds lines"),
        ("keys = 5", r"\[keys\] holds lines"),
        ("[keys", "is no TOML"),
        ("", "holds no keys"),
        ("[keys]\n'b b' = 'sha256:" + "0" * 64 + "'", "a name has letters"),
    ],
)
def test_a_file_that_is_no_keys_file_says_so(tmp_path, text, complaint):
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(InvalidParameter, match=complaint):
        load_keys(file)


def test_a_second_key_of_one_name_is_refused_and_the_first_kept(tmp_path):
    file = tmp_path / "keys.toml"
    key = add(file, "a")
    with pytest.raises(InvalidParameter, match="has a key"):
        add(file, "a")
    assert load_keys(file).client(key.encode()) == "a"


def test_the_command_prints_the_key_on_its_own(capsys):
    assert main(["billing"]) == 0
    printed = capsys.readouterr()
    name, _, stored = printed.err.strip().partition("=")
    assert ApiKeys({name: stored}).client(printed.out.strip().encode()) == "billing"
    assert main(["no good"]) == 1
    assert printed.out.count("\n") == 1
