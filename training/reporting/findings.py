"""The results of a training run, for its report, its model card and the registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version

from mlflow.data.pandas_dataset import PandasDataset

from churn_model.profile import MonitoringProfile
from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from training.data.protected_attributes import protected_attributes
from training.data.table import Table
from training.evaluation.alarm import Alarm
from training.evaluation.economics import Economics
from training.evaluation.evaluation import SCORECARD, Evaluation
from training.evaluation.gates import GateResult
from training.evaluation.selection import Candidate
from training.evaluation.slices import Slice

LIBRARIES = ("churn-model", "mlflow", "interpret-core", "scikit-learn", "numpy", "pandas")

LIMITATIONS = (
    "The model predicts who is likely to churn, not who would stay because of an offer. The "
    "customers at the highest risk are often not the ones that a campaign can keep (Ascarza 2018, "
    "'Retention futility: targeting high-risk customers might be ineffective', Journal of "
    "Marketing Research 55). Keep a random control group without the offer, and compare.",
    "Effects are associations in this table, not causes. If a customer's value changes, the "
    "customer's risk need not change.",
    "The model describes the period of its table. Prices, competitors and products change, so "
    "compare its predictions with what happens, and train it again.",
    "A probability describes many similar customers. Of 100 customers at 30 %, about 70 stay.",
)


@dataclass(frozen=True)
class Findings:
    """The results of a training run.

    ``table``, ``schema``: the customers and the fields of their features. ``dataset``: the table as
    an MLflow dataset. ``evaluation``, ``slices``: held-out metrics, of all customers and of each
    slice. ``alarms``: signs of target leakage. ``gate_results``: of the absolute gates.
    ``scorecard``: fitted on all rows. ``standard_deviations``: of its table entries over the bagged
    models, and ``converged``: whether boosting stopped by itself (see
    ``training.fitting.fit.Fitted``). ``profile``: the training rows by the scorecard's cells.
    ``importance``: each feature's mean absolute effect on the log-odds, largest first.
    ``candidates``: the settings compared, best first.
    ``empc``: expected maximum profit measure, in currency units per customer. ``campaign``: its
    profit, None without an offer. ``decision``: where the threshold comes from, as text; empty for
    the default. ``command``: what the user typed. ``assumed``: what was inferred
    from the table, as text. ``versions``: of the libraries.
    """

    table: Table
    schema: RecordSchema
    dataset: PandasDataset
    evaluation: Evaluation
    slices: list[Slice]
    alarms: list[Alarm]
    gate_results: list[GateResult]
    scorecard: Scorecard
    standard_deviations: list[list[float]]
    profile: MonitoringProfile
    importance: dict[str, float]
    candidates: list[Candidate]
    empc: float
    campaign: Economics | None
    seed: int
    command: str
    run_id: str
    converged: bool = True
    assumed: str = ""
    decision: str = ""
    versions: dict[str, str] = field(
        default_factory=lambda: {name: version(name) for name in LIBRARIES}
    )

    @property
    def digest(self) -> str:
        """The training table's fingerprint."""
        return str(self.dataset.digest)

    @property
    def passed(self) -> bool:
        """Whether all absolute gates were passed."""
        return all(result.passed for result in self.gate_results)

    @property
    def metrics(self) -> dict[str, float]:
        """The scorecard's held-out metrics."""
        return self.evaluation.metrics[SCORECARD]

    @property
    def miscalibrated(self) -> list[Slice]:
        """The slices whose predicted and observed churn rates differ significantly."""
        return [each for each in self.slices if each.is_miscalibrated]

    @property
    def audited(self) -> list[str]:
        """The columns that are evaluated by group although they are no features."""
        return [str(name) for name in self.table.audit]

    @property
    def protected(self) -> dict[str, str]:
        """The features that look like attributes protected by law: ``{"Gender": "sex"}``."""
        return protected_attributes(column.name for column in self.schema.features)
