from dataclasses import replace

from training.reporting.model_card import MOST, model_card


def test_the_model_card_names_the_protected_attributes_in_one_line(findings):
    assert "\nAttributes protected by law: Gender (sex); the report shows" in model_card(findings)
    schema = replace(findings.schema, columns=findings.schema.columns[1:])
    card = model_card(replace(findings, schema=schema))
    assert "\nAttributes protected by law: none recognised by name.\n" in card


def test_the_model_card_has_gates_alarms_metrics_and_limitations(findings):
    card = model_card(findings)
    for part in (
        "# Churn model: made up",
        "**Does NOT pass every absolute gate.**",
        "FAILED: leakage alarms 1, at most 0 required",
        "## Leakage alarms",
        "| recall in the top 10 % |",
        "The scorecard's log loss",
        "## Limitations",
    ):
        assert part in card


def test_a_long_model_card_is_cut_to_what_a_registry_stores(findings):
    card = model_card(replace(findings, command="x" * 2 * MOST))
    assert len(card) <= MOST
    assert card.endswith("... (see report.html)\n")
