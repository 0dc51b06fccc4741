import re
from pathlib import Path

import pytest

from churn_model.errors import InvalidParameter
from serving.settings import PREFIX, Settings, parser, read_settings

GUIDE = Path(__file__).parents[3] / "docs" / "operating.md"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    # set first: read_settings() puts the file's name into the environment, for worker processes
    monkeypatch.setenv(f"{PREFIX}CONFIG", "")
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_a_flag_overrides_the_environment_which_overrides_the_file(tmp_path, monkeypatch):
    file = tmp_path / "serving.toml"
    file.write_text('port = 1\nworkers = 1\ntimeout = 1.5\ncors_origins = ["http://a", "http://b"]')
    monkeypatch.setenv("CHURN_SERVING_PORT", "2")
    monkeypatch.setenv("CHURN_SERVING_WORKERS", "2")
    settings = read_settings(["--config", str(file), "--port", "3"])
    assert (settings.port, settings.workers, settings.timeout) == (3, 2, 1.5)
    assert settings.cors_origins == ("http://a", "http://b")


def test_lists_are_separated_by_commas_in_flags_and_environment(monkeypatch):
    monkeypatch.setenv("CHURN_SERVING_PUBLIC", "docs, metrics")
    settings = read_settings(["--cors-origins", "http://a,http://b"])
    assert settings.public == ("docs", "metrics")
    assert settings.cors_origins == ("http://a", "http://b")


def test_the_short_flags_are_those_of_mlflow():
    settings = read_settings("-m models:/x@y -p 1 -h ::1 -w 2 -t 9".split())
    assert settings.model_uri == "models:/x@y"
    assert (settings.port, settings.host, settings.workers, settings.timeout) == (1, "::1", 2, 9)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 needs API keys"),
        (["--host", "::"], "--host :: needs API keys"),
        (["--port", "70000"], "--port: "),
        (["--workers", "none"], "--workers: "),
        (["--public", "predict"], "only docs, version, metrics"),
        (["--log-level", "loud"], "--log-level: "),
        (["--grace", "inf"], "--grace: "),
        (["--timeout", "inf"], "--timeout: "),
        (["--reload-interval", "nan"], "--reload-interval: "),
        (["--config", "nowhere.toml"], "nowhere.toml: the file does not exist"),
    ],
)
def test_invalid_settings_are_one_line_that_names_the_flag(flags, complaint):
    with pytest.raises(InvalidParameter) as caught:
        read_settings(flags)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ports = 1", "ports is not a known setting. Did you mean 'port'"),
        ("port 1", "serving.toml"),
    ],
)
def test_a_file_with_an_unknown_setting_or_invalid_toml_is_rejected(tmp_path, text, complaint):
    file = tmp_path / "serving.toml"
    file.write_text(text)
    with pytest.raises(InvalidParameter, match=complaint):
        read_settings(["--config", str(file)])


def test_loopback_or_keys_or_insecure_is_accepted():
    for flags in ([], ["--host", "localhost"], ["--host", "127.0.0.2"]):
        read_settings(flags)
    read_settings(["--host", "0.0.0.0", "--insecure"])
    read_settings(["--host", "0.0.0.0", "--keys-file", "keys.toml"])


def test_help_and_the_operating_guide_describe_every_setting():
    text = " ".join(parser().format_help().split())
    guide = {
        match[1]: match[0]
        for match in re.finditer(r"^\| `--([a-z-]+)`.*$", GUIDE.read_text(), re.MULTILINE)
    }
    flags = {name.replace("_", "-"): field for name, field in Settings.model_fields.items()}
    assert list(guide) == ["config", *flags]
    for flag, field in flags.items():
        assert f"--{flag}" in text
        assert field.description in text
        assert field.description in guide[flag]
