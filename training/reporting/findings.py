"""All that a training run found out, for its report, its model card and the registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version

from mlflow.data.pandas_dataset import PandasDataset

from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from training.data.table import Table
from training.evaluation.alarms import Alarm
from training.evaluation.economics import Economics
from training.evaluation.evaluation import SCORECARD, Evaluation
from training.evaluation.gates import GateResult
from training.evaluation.selection import Candidate
from training.evaluation.slices import Slice

LIBRARIES = ("churn-model", "mlflow", "interpret-core", "scikit-learn", "numpy", "pandas")

LIMITS = (
    "It says who is likely to leave, not whom an offer will keep. The customers at the highest "
    "risk are often not the ones a campaign changes most (Ascarza 2018, 'Retention futility: "
    "targeting high-risk customers might be ineffective', Journal of Marketing Research 55). Keep "
    "a random group without the offer, and compare.",
    "An effect is what goes together with churn in this table, not what causes it: changing a "
    "customer's value need not change the customer's mind.",
    "It knows the period of its table. Prices, competitors and products change; compare its "
    "predictions with what happened, and train again.",
    "Single probabilities are shares of many like customers; a customer at 30 % stays more often "
    "than not.",
)


@dataclass(frozen=True)
class Findings:
    """What was trained on, how well it did, what it does, and how to do it again.

    ``data``: the table as MLflow keeps track of it. ``spread``: see
    ``training.fitting.fit.Fitted``. ``gate_results``: of the absolute gates. ``importance``:
    the mean absolute effect of each feature on the log-odds, largest first. ``candidates``: the
    settings compared, best first.
    ``empc``: expected maximum profit measure in currency units a customer. ``assumed``: what was
    inferred from the table, in words.
    """

    table: Table
    schema: RecordSchema
    data: PandasDataset
    evaluation: Evaluation
    slices: list[Slice]
    alarms: list[Alarm]
    gate_results: list[GateResult]
    spread: list[list[float]]
    scorecard: Scorecard
    importance: dict[str, float]
    candidates: list[Candidate]
    empc: float
    campaign: Economics | None
    seed: int
    command: str
    run_id: str
    assumed: str = ""
    versions: dict[str, str] = field(
        default_factory=lambda: {name: version(name) for name in LIBRARIES}
    )

    @property
    def digest(self) -> str:
        """The training table's fingerprint."""
        return str(self.data.digest)

    @property
    def passed(self) -> bool:
        """Whether all absolute gates were passed."""
        return all(verdict.passed for verdict in self.gate_results)

    @property
    def metrics(self) -> dict[str, float]:
        """The scorecard's held-out metrics."""
        return self.evaluation.metrics[SCORECARD]

    @property
    def off(self) -> list[Slice]:
        """The groups whose predictions are off."""
        return [each for each in self.slices if each.is_off]
