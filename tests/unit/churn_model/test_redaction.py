import pytest

from churn_model.redaction import is_ambiguous, passwords_in, redact, redact_uri


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("http://svc:s3cret@host:5000/x", "http://***@host:5000/x"),
        (
            "postgresql+psycopg2://u:s3cret@host/db is down",
            "postgresql+psycopg2://***@host/db is down",
        ),
        ("HTTP://t0ken@host", "HTTP://***@host"),
        ("http://svc:p@ss/w:rd?#@host/x", "http://***@host/x"),
        ("http://svc:p%40ss@host", "http://***@host"),
        ("at 'http://a:b@h/x' and \"http://c:d@i\"", "at 'http://***@h/x' and \"http://***@i\""),
        ("redis://:s3cret@host:6379/0", "redis://***@host:6379/0"),
        ("http://host/x?user=u&password=p@s/s&n=1", "http://host/x?user=u&password=***&n=1"),
        ("/x?access_token=abc", "/x?access_token=***"),
        ("Server=h;PWD=abc;", "Server=h;PWD=***"),
        ("https://b/o?X-Amz-Signature=ab&sig=cd", "https://b/o?X-Amz-Signature=***&sig=***"),
    ],
)
def test_credentials_are_hidden(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000/api/2.0/mlflow/registered-models/alias?name=churn",
        "models:/churn@champion at http://host",
        "sqlite:////home/me@work/mlflow.db",
        "file:///home/me@work",
        "the keys file keys.toml has no tokens",
    ],
)
def test_a_text_without_credentials_is_unchanged(text):
    assert redact(text) == text


def test_given_secrets_are_hidden():
    assert redact("key abc, abcd", ["abcd", "abc"]) == "key ***, ***"


def test_a_whole_uri_may_contain_whitespace():
    assert redact_uri("http://svc:my s3cret@host") == "http://***@host"


@pytest.mark.parametrize(
    ("uri", "passwords"),
    [
        ("http://svc:p%40ssword@host", ["p%40ssword", "p@ssword"]),
        ("http://svc:a@b:c/d@host/x", ["a@b:c/d"]),
        *((uri, []) for uri in ("http://svc@host", "http://svc:abc@host", "http://host:80", "x")),
    ],
)
def test_the_password_is_found_as_written_and_decoded(uri, passwords):
    assert passwords_in(uri) == passwords


def test_a_password_that_is_not_percent_encoded_is_ambiguous():
    for password in ("a@b", "a/b", "a?b", "a#b"):
        assert is_ambiguous(f"http://svc:{password}@host")
    assert is_ambiguous("postgresql://host/db?password=a@b")
    for uri in (
        "http://svc:a%40b:c@host:80/x",
        "http://host",
        "sqlite:////home/me@work/m.db",
        "x@y",
    ):
        assert not is_ambiguous(uri)
