"""The time, CPU time and memory of ``python -m training`` and of other libraries."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import resource
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from wide_table import wide_table

HERE = Path(__file__).parents[2]
SIZES = ((10_000, 10), (51_047, 56), (165_000, 11), (1_000_000, 10))  # rows, features
TARGET = ("--data", "table.csv", "--id", "Customer ID", "--target", "Exited=1")
_LEFT = re.compile(rb"about (\d+):(\d\d) left")
_SAMPLE = 0.1  # seconds between two looks at the memory

LIBRARY = """
import sys, json
import numpy as np, pandas as pd
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
table = pd.read_csv("table.csv")
y = table["Exited"].to_numpy()
X = table.drop(columns=["Exited", "Customer ID"])
texts = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
X[texts] = X[texts].astype("category")
if sys.argv[1] == "interpret":
    from interpret.glassbox import ExplainableBoostingClassifier as Model
    make = Model
else:
    from sklearn.ensemble import HistGradientBoostingClassifier as Model
    make = lambda: Model(categorical_features="from_dtype")
losses = []
for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
    model = make().fit(X.iloc[train], y[train])
    losses.append(log_loss(y[test], model.predict_proba(X.iloc[test])[:, 1]))
print(json.dumps({"log_loss": float(np.mean(losses))}))
"""


def measured(checkout: Path, folder: str, *arguments: str) -> dict[str, float]:
    """What ``python -m training`` of a checkout needs in a folder."""
    return _run(checkout, folder, [sys.executable, "-m", "training", *arguments])[0]


def from_csv(
    checkouts: dict[str, Path], most: int, jobs: int | None, libraries: bool
) -> list[dict[str, float | str]]:
    """From a CSV file to a registered model, by each checkout in turn, and by the libraries."""
    results: list[dict[str, float | str]] = []
    for rows, features in SIZES:
        if rows > most:
            continue
        table = wide_table(rows, features)
        for name, checkout in checkouts.items():
            flags = () if jobs is None or name == "before" else ("--jobs", str(jobs))
            with tempfile.TemporaryDirectory() as folder:
                table.to_csv(Path(folder, "table.csv"), index=False)
                done = measured(checkout, folder, *TARGET, *flags)
            results.append({"version": name, "rows": rows, "features": features, **done})
            print(results[-1], flush=True)
        for library in ("scikit-learn", "interpret") if libraries else ():
            with tempfile.TemporaryDirectory() as folder:
                table.to_csv(Path(folder, "table.csv"), index=False)
                done, output = _run(HERE, folder, [sys.executable, "-c", LIBRARY, library])
            loss = json.loads(output.strip().splitlines()[-1])
            results.append({"version": library, "rows": rows, "features": features, **done, **loss})
            print(results[-1], flush=True)
    return results


def _run(checkout: Path, folder: str, command: list[str]) -> tuple[dict[str, float], str]:
    """Seconds, CPU seconds and peak memory (MiB) of a command and its child processes.

    Its standard error is a terminal, so that it shows its progress; ``worst_estimate`` is the
    largest relative error of the time left that was shown after the first tenth of that time, and
    before the last, without the half second that rounding explains. Memory that processes share
    counts for each of them.
    """
    begun = time.perf_counter()
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(checkout),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown: list[tuple[float, float]] = []
    used = _Used()
    threads = [
        threading.Thread(target=_read, args=(terminal, shown)),
        threading.Thread(target=used.watch, args=(process,)),
    ]
    for thread in threads:
        thread.start()
    output, _ = process.communicate()
    ended = time.perf_counter()
    for thread in threads:
        thread.join()
    os.close(terminal)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed: {output}")
    done = {
        "seconds": ended - begun,
        "cpu_seconds": sum(used.seconds.values()),
        "peak_mib": used.peak / 2**20,
    }
    return done | _estimates(shown, ended), output


def environment(checkout: Path) -> dict[str, str]:
    """The environment in which a checkout's programs run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return kept | {"PYTHONPATH": str(checkout)}


def _read(terminal: int, shown: list[tuple[float, float]]) -> None:
    """Collect the times at which a time left was shown, and these times left, in seconds."""
    while True:
        try:
            text = os.read(terminal, 65536)
        except OSError:  # the last process with the terminal has ended
            return
        for minutes, seconds in _LEFT.findall(text):
            shown.append((time.perf_counter(), 60 * int(minutes) + int(seconds)))


def _estimates(shown: list[tuple[float, float]], ended: float) -> dict[str, float]:
    if not shown:
        return {}
    first = shown[0][0]
    whole = ended - first
    errors = [
        max(0.0, abs(left - (ended - at)) - 0.5) / (ended - at)
        for at, left in shown
        if 0.1 * whole <= at - first <= 0.9 * whole
    ]
    return {"worst_estimate": max(errors)} if errors else {}


class _Used:
    """What a process and its descendants use; workers are not waited for, so rusage lacks them.

    ``seconds``: CPU time by process. ``peak``: the largest memory of all together, in bytes.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self.peak = 0

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Look at the processes until the first one has ended."""
        while process.poll() is None:
            family = _family(process.pid)
            self.seconds |= {pid: seconds for pid in family if (seconds := _cpu_seconds(pid))}
            self.peak = max(self.peak, sum(map(_resident, family)))
            time.sleep(_SAMPLE)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * resource.getpagesize()


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
