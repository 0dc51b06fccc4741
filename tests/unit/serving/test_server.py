import resource

import pytest

from serving.server import uvicorn_options
from serving.settings import Settings


def most_connections(monkeypatch, files):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    return uvicorn_options(Settings(max_connections=500))["http"].keywords["watch"].limits.count


@pytest.mark.parametrize(
    ("files", "connections"),
    [(1024, 500), (164, 100), (10, 1), (resource.RLIM_INFINITY, 500)],
)
def test_there_are_no_more_connections_than_the_process_may_open_files(
    monkeypatch, files, connections
):
    assert most_connections(monkeypatch, files) == connections
