from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from churn_model.errors import InvalidParameter
from serving.http import api_keys
from serving.http.api_keys import ApiKeys, ReloadedKeys, StoredKey, add, load_keys, make
from serving.keys import main


def test_a_key_belongs_to_its_client_only():
    (first, first_stored), (second, second_stored) = make(), make()
    keys = ApiKeys({"billing": [first_stored], "marketing": [second_stored]})
    assert keys.client(first.encode()) == "billing"
    assert keys.client(second.encode()) == "marketing"
    for wrong in (b"", b"churn_", first.encode()[:-1], first_stored.hash.encode()):
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
    keys = load_keys(tmp_path / "keys.toml", [f"b={stored.hash}"])
    assert keys.client(key.encode()) == "a"
    assert keys.client(other.encode()) == "b"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[keys]\na = 'abc'", "must be stored as sha256"),
        ("[keys]\na = 5", "keys.a.0: Input should be a valid dictionary"),
        ("[keys]\na = {hash = 'sha256:0', until = 2026-01-01}", "keys.a.0.until: "),
        ("[keys]\na = []", "contains no keys"),
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


def test_a_client_may_have_several_keys_in_a_file_and_in_pairs(tmp_path):
    file = tmp_path / "keys.toml"
    made = [add(file, "a") for _ in range(3)]
    (third, third_stored), (fourth, fourth_stored) = make(), make()
    keys = load_keys(file, [f"a={third_stored.hash}", f"a={fourth_stored.hash}"])
    assert {keys.client(key.encode()) for key in (*made, third, fourth)} == {"a"}


def test_a_key_is_valid_until_the_end_of_its_last_day(tmp_path):
    file = tmp_path / "keys.toml"
    today = datetime.now(timezone.utc).date()
    days = {"before": today - timedelta(days=1), "today": today, "after": today + timedelta(days=1)}
    made = {name: add(file, name, end) for name, end in days.items()}
    lasting = add(file, "before")
    keys = load_keys(file)
    clients = {name: keys.client(key.encode()) for name, key in made.items()}
    assert clients == {"before": None, "today": "today", "after": "after"}
    assert keys.has_expired(made["before"].encode())
    assert not keys.has_expired(made["after"].encode())
    assert not keys.has_expired(b"churn_unknown")
    assert keys.client(lasting.encode()) == "before"
    forever = add(file, "after", date.max)
    assert load_keys(file).client(forever.encode()) == "after"


def test_a_changed_file_is_read_again_and_an_invalid_one_is_reported_once(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(api_keys, "_RELOAD_SECONDS", 0.01)
    file = tmp_path / "keys.toml"
    first = add(file, "a")
    keys = ReloadedKeys(file)
    failures = []

    async def until(condition):
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not happen in time")

    async def run():
        watch = asyncio.create_task(keys.watch(lambda: failures.append(1)))
        second = add(file, "b")
        await until(lambda: keys.current.client(second.encode()) == "b")
        file.write_text("[keys")
        await until(lambda: failures)
        file.write_text("a = " + "[" * 5000)
        await until(lambda: len(failures) == 2)
        file.unlink()
        await until(lambda: len(failures) == 3)
        await asyncio.sleep(0.05)
        assert keys.current.client(first.encode()) == "a"
        third = add(file, "c")
        await until(lambda: keys.current.client(third.encode()) == "c")
        assert keys.current.client(first.encode()) is None
        watch.cancel()

    asyncio.run(run())
    assert len(failures) == 3
    reported = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert [text.startswith("the API keys were not read again") for text in reported] == [True] * 3


def test_the_command_prints_the_key_alone_on_stdout(capsys):
    assert main(["billing"]) == 0
    printed = capsys.readouterr()
    name, _, stored = printed.err.strip().partition("=")
    assert (
        ApiKeys({name: [StoredKey(hash=stored)]}).client(printed.out.strip().encode()) == "billing"
    )
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
