"""Java's options of a Spark that we start do not contradict those of the user."""

import pytest

from pyfunc import spark_session


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """An environment without any options for Java, and a folder of Spark's configuration."""
    for name in (*spark_session._WITH_JAVA_OPTIONS, "PYSPARK_SUBMIT_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    return monkeypatch


def test_options_in_an_environment_variable_are_found(environment):
    assert not spark_session._has_java_options()
    environment.setenv("JAVA_TOOL_OPTIONS", "-XX:+UseG1GC")
    assert spark_session._has_java_options()


@pytest.mark.parametrize("kind", ["extraJavaOptions", "defaultJavaOptions"])
def test_options_in_the_configuration_of_spark_are_found(environment, tmp_path, kind):
    defaults = tmp_path / "spark-defaults.conf"
    defaults.write_text("spark.driver.memory 2g\n")
    assert not spark_session._has_java_options()
    defaults.write_text(f"spark.driver.{kind} -XX:+UseG1GC\n")
    assert spark_session._has_java_options()
