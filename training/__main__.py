"""``python -m training``: train a churn model and register it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from churn_model.errors import ChurnError, TrainingError
from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import CHAMPION, MODEL_NAME
from training.dataset import load_dataset
from training.simulator import ROWS
from training.table import Table, built_in_table, describe_rejected, read_table

if TYPE_CHECKING:
    from training.evaluation import Evaluation
    from training.run import Trained


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (0 registered, 1 not, 130 interrupted)."""
    options = _parser().parse_args(arguments)
    try:
        table = _table(options)
        _print_table(table)
        from training.run import train  # MLflow and scikit-learn take seconds to load

        _quiet()
        trained = train(
            table,
            CUSTOMER_SCHEMA,
            seed=options.seed,
            folds=options.folds,
            name=options.name,
            alias=options.alias,
            descriptor=options.dataset,
        )
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing was registered", file=sys.stderr)
        return 130
    _print_result(trained)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train a churn model and register it in MLflow (MLFLOW_TRACKING_URI, by "
        "default sqlite:///mlflow.db here). Without --data it trains on simulated customers.",
    )
    add = parser.add_argument
    add("--data", type=_path, metavar="FILE", help="customers, .csv or .parquet")
    add("--dataset", type=_path, metavar="FILE.toml", help="which column is which field")
    add("--rows", type=int, default=ROWS, help="simulated customers (%(default)s)")
    add("--seed", type=int, default=0, help="of folds, fit and simulator (%(default)s)")
    add("--folds", type=_folds, default=5, help="of the held-out evaluation (%(default)s)")
    add(
        "--max-rejected",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="of rows that may break the schema before the run stops (%(default)s)",
    )
    add("--name", default=MODEL_NAME, help="registered model (%(default)s)")
    add("--alias", default=CHAMPION, help="for the new version (%(default)s)")
    return parser


def _path(text: str) -> Path | None:
    """MLproject passes a parameter that was not given as an empty text."""
    return Path(text) if text else None


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("is a share from 0 to 1")
    return value


def _folds(text: str) -> int:
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError("at least 2")
    return value


def _quiet() -> None:
    """Leave the terminal to this program; MLflow's own warnings and errors still show."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _table(options: argparse.Namespace) -> Table:
    if options.data is None:
        if options.dataset is not None:
            raise TrainingError("--dataset describes a table: name it with --data")
        return built_in_table(options.rows, options.seed)
    if options.dataset is None:
        raise TrainingError(
            "--data needs --dataset, which says which column is which field; "
            "training/datasets/telco.toml is an example"
        )
    dataset = load_dataset(options.dataset, CUSTOMER_SCHEMA)
    return read_table(options.data, dataset, CUSTOMER_SCHEMA, options.max_rejected)


def _print_table(table: Table) -> None:
    print(f"{table.name}: {table.summary()}")
    if table.rejected_rows:
        print(f"rejected: {describe_rejected(table)}")


def _print_result(trained: Trained) -> None:
    _print_metrics(trained.evaluation)
    print(trained.evaluation.verdict())
    print(
        f"registered models:/{trained.name}@{trained.alias} as version {trained.version} "
        f"(run {trained.run_id})"
    )


def _print_metrics(evaluation: Evaluation) -> None:
    columns = list(next(iter(evaluation.metrics.values())))
    print(f"\n{'out of fold':24}" + "".join(f"{name:>19}" for name in columns))
    for model, values in evaluation.metrics.items():
        print(f"{model:24}" + "".join(f"{values[name]:19.4f}" for name in columns))
    print()


if __name__ == "__main__":
    sys.exit(main())
