import re
from pathlib import Path

import pytest

from churn_model.errors import InvalidParameter
from serving.arguments import parser, read_settings
from serving.settings import PREFIX, Settings

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
    settings = read_settings(["--cors-origins", "http://a,http://b", "--keys", "a=sha256:0"])
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


WITHOUT_EFFECT = [
    ("ssl_keyfile", "key.pem", "--ssl-certfile"),
    ("ssl_keyfile_password", "secret", "--ssl-certfile"),
    ("ssl_ca_certs", "ca.pem", "--ssl-certfile"),
    ("inference_log_level", "counts", "--inference-log"),
    ("inference_log_identifiers", "plain", "--inference-log"),
    ("inference_log_key", "log.key", "--inference-log"),
    ("inference_log_sample", "0.5", "--inference-log"),
    ("inference_log_retention", "400D", "--inference-log"),
    ("inference_log_flush", "5", "--inference-log"),
    ("canary_share", "0.05", "--canary"),  # also if it is the default
]


@pytest.mark.parametrize(("name", "value", "needed"), WITHOUT_EFFECT)
@pytest.mark.parametrize("source", ["flag", "environment", "file"])
def test_a_setting_without_one_that_it_needs_is_rejected(
    source, name, value, needed, tmp_path, monkeypatch
):
    flag = f"--{name.replace('_', '-')}"
    flags = []
    if source == "flag":
        flags = [flag, value]
    elif source == "environment":
        monkeypatch.setenv(PREFIX + name.upper(), value)
    else:
        file = tmp_path / "serving.toml"
        file.write_text(f'{name} = "{value}"')
        flags = ["--config", str(file)]
    with pytest.raises(InvalidParameter) as caught:
        read_settings(flags)
    assert str(caught.value).startswith(f"{flag} has no effect without {needed}")
    assert "\n" not in str(caught.value)


def test_a_setting_may_come_from_elsewhere_than_the_one_that_it_needs(monkeypatch):
    monkeypatch.setenv("CHURN_SERVING_CANARY", "models:/churn@challenger")
    assert read_settings(["--canary-share", "0.2"]).canary_share == 0.2
    monkeypatch.setenv("CHURN_SERVING_KEYS", "a=sha256:0")
    settings = read_settings(["--public", "docs", "--rate-limit-storage", "redis://host"])
    assert settings.public == ("docs",)


def test_an_empty_variable_counts_as_not_given(monkeypatch):
    monkeypatch.setenv("CHURN_SERVING_PUBLIC", "")
    monkeypatch.setenv("CHURN_SERVING_RATE_LIMIT_UNAUTHORIZED", "")
    read_settings([])
    monkeypatch.setenv("CHURN_SERVING_INFERENCE_LOG", "")
    monkeypatch.setenv("CHURN_SERVING_INFERENCE_LOG_FLUSH", "5")
    with pytest.raises(InvalidParameter, match="without --inference-log;"):
        read_settings([])


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
