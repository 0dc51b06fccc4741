"""NannyML's estimate of the AUC of each chunk; runs in an environment of its own."""

from __future__ import annotations

import sys
import warnings

import nannyml
import pandas as pd


def main() -> None:
    """Print the estimated AUC of each chunk."""
    warnings.simplefilter("ignore")
    folder, size = sys.argv[1], int(sys.argv[2])
    reference = pd.read_parquet(f"{folder}/reference.parquet")
    analysis = pd.read_parquet(f"{folder}/analysis.parquet")
    for table in (reference, analysis):
        table["predicted"] = (table["score"] >= 0.5).astype(int)
    estimator = nannyml.CBPE(
        metrics=["roc_auc"],
        y_pred_proba="score",
        y_pred="predicted",
        y_true="churned",
        problem_type="classification_binary",
        chunk_size=size,
    )
    estimator.fit(reference)
    frame = estimator.estimate(analysis).filter(period="analysis").to_df()
    for value in frame["roc_auc", "value"]:
        print(value)


if __name__ == "__main__":
    main()
