"""Options for Java do not contradict those of the user; the code is sent to a cluster."""

import zipfile
from threading import Thread

import pytest

from pyfunc import spark_session


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """An environment without any options for Java, and a folder of Spark's configuration."""
    for name in spark_session._WITH_JAVA_OPTIONS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    return monkeypatch


def test_options_in_an_environment_variable_are_found(environment):
    assert not spark_session._has_java_options()
    environment.setenv("JAVA_TOOL_OPTIONS", "-XX:+UseG1GC")
    assert spark_session._has_java_options()


@pytest.mark.parametrize(
    ("name", "without", "line"),
    [
        (
            "spark-defaults.conf",
            "spark.driver.memory 2g",
            "spark.driver.extraJavaOptions -XX:+UseG1GC",
        ),
        (
            "spark-defaults.conf",
            "spark.driver.memory 2g",
            "spark.driver.defaultJavaOptions -XX:+UseG1GC",
        ),
        ("spark-env.sh", "export SPARK_LOCAL_IP=::1", "export SPARK_SUBMIT_OPTS=-XX:+UseG1GC"),
        ("java-opts", "", "-XX:+UseG1GC"),
    ],
)
def test_options_in_the_configuration_of_spark_are_found(
    environment, tmp_path, name, without, line
):
    file = tmp_path / name
    file.write_text(f"{without}\n")
    assert not spark_session._has_java_options()
    file.write_text(f"{line}\n")
    assert spark_session._has_java_options()


class Cluster:
    """Records which files Spark would send to the executors of a cluster."""

    master = "spark://host:7077"

    def __init__(self, application):
        self.applicationId = application
        self.sparkContext = self
        self.addPyFile = (sent := []).append
        self.sent = sent


def test_the_code_is_sent_to_each_application_once():
    first, second = Cluster("first"), Cluster("second")
    for cluster in (first, first, second):
        spark_session.send_code(cluster)
    assert len(first.sent) == len(second.sent) == 1
    together = Cluster("together")
    threads = [Thread(target=spark_session.send_code, args=(together,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together.sent == first.sent
    names = zipfile.ZipFile(first.sent[0]).namelist()
    assert {"batch/row_scorer.py", "churn_model/scoring/scorer.py"} <= {*names}
