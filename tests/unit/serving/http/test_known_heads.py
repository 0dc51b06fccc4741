import pytest

from serving.http.known_heads import KnownHeads

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def scope(*headers):
    return {"path": "/a", "headers": [(b"host", b"x"), *headers]}


def learn(heads, data=HEAD + b"{}", times=2, headers=(), size=2):
    last = b""
    for _ in range(times):
        last = heads.learn(data, scope(*headers), size, last)
    return last


def test_a_head_is_known_once_a_connection_has_repeated_it():
    heads = KnownHeads()
    assert learn(heads, times=1) == HEAD
    assert heads.find(HEAD + b"{}") is None
    learn(heads)
    known, body = heads.find(HEAD + b"[]")
    assert (known.scope, body) == (scope(), b"[]")


@pytest.mark.parametrize("body", [b"", b"{", b"{} ", b"{}" + HEAD + b"{}"])
def test_a_known_head_with_more_or_less_than_its_body_is_parsed(body):
    heads = KnownHeads()
    learn(heads)
    assert heads.find(HEAD + body) is None


@pytest.mark.parametrize("data", [b"", b"\r\n", b"POST", HEAD[:-2], HEAD.lower() + b"{}"])
def test_other_bytes_are_parsed(data):
    heads = KnownHeads()
    learn(heads)
    assert heads.find(data) is None


@pytest.mark.parametrize(
    "data", [b"\r\n\r\n" + HEAD + b"{}", HEAD + b"{}\r\n", HEAD[:-2] + b"\n{}"]
)
def test_bytes_that_are_not_a_head_and_its_body_are_not_remembered(data):
    heads = KnownHeads()
    learn(heads, data)
    assert heads.find(data) is None
    assert heads.find(HEAD + b"{}") is None


@pytest.mark.parametrize("header", [(b"transfer-encoding", b"chunked"), (b"expect", b"other")])
def test_heads_with_a_meaning_for_the_connection_are_not_remembered(header):
    heads = KnownHeads()
    learn(heads, headers=[header])
    assert heads.find(HEAD + b"{}") is None


def test_what_an_application_does_to_a_scope_is_forgotten():
    heads = KnownHeads()
    own = scope()
    heads.learn(HEAD + b"{}", own, 2, HEAD)
    own["path"] = "/changed"
    own["headers"].append((b"added", b"1"))
    assert heads.find(HEAD + b"{}")[0].scope == scope()


def test_the_number_of_heads_is_limited():
    heads = KnownHeads()
    for i in range(1000):
        learn(heads, HEAD.replace(b"/a", b"/%d" % i) + b"{}")
    assert len(heads._heads) <= 256
    learn(heads)
    assert heads.find(HEAD + b"{}") is not None
