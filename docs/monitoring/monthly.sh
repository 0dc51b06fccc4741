#!/usr/bin/env bash
# The monthly loop: monitor the champion, examine the challenger of two months ago, and train if the
# verdict says so. Usage: LABELS=TABLE monthly.sh [monitor|examine|act]; without a step, all of them.
#
# LABELS is a table with one row per customer and observation date: who left within 60 days, and
# whom a campaign reached. KNOWN_UNTIL is the day up to which LABELS records who left, by default
# today. Adapt the name of the model and the flags below. The inference log is written by
# churn serve --inference-log inference-log --inference-log-level values --inference-log-key log.key
set -euo pipefail

name=churn # the registered model
columns=(--id customer_id --target left=yes --as-of seen --window 60D)
columns+=(--known-until "${KNOWN_UNTIL:-$(date -u +%F)}") # also for the labelled table, which ends earlier
results=monitoring-report
state=monitoring-state # the labelled table, and what became of the last challenger

monitor() {
    mkdir -p "$state"
    rm -f "$state/fresh.csv"
    churn monitor -m "models:/$name@champion" --log inference-log --log-key log.key \
        --output "$results" --every 30D \
        --labels "${LABELS:?set LABELS to the table of labels}" "${columns[@]}" \
        --treatment contacted=yes --labelled "$state/fresh.csv" || [ $? -eq 2 ] # 2: an alarm
}

# customers are fresh for a challenger if they were observed after the labels that it was made from;
# with a window of 60 days, the labels of the first ones are final two months later
examine() {
    [ -e "$state/waiting" ] || return 0
    local months code=0
    months=$(<"$state/waiting")
    if [ "$months" -gt 1 ]; then
        echo $((months - 1)) >"$state/waiting"
        return 0
    fi
    churn promote --name "$name" --data "$state/fresh.csv" "${columns[@]}" || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 2 ] || return "$code"
    rm "$state/waiting"
    if [ "$code" -eq 0 ]; then touch "$state/promoted"; else touch "$state/refused"; fi
}

# the verdict is about the champion of last month; if recalibration was not enough, train
act() {
    local verdict
    if [ -e "$state/waiting" ]; then return 0; fi
    verdict=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["verdict"])' \
        "$results/summary.json")
    if [ -e "$state/promoted" ]; then verdict=fine; fi
    if [ -e "$state/refused" ] && [ "$verdict" = recalibrate ]; then verdict=retrain; fi
    case $verdict in
        recalibrate) churn recalibrate --name "$name" --data "$state/fresh.csv" "${columns[@]}" ;;
        retrain) churn train --name "$name" --data "$state/fresh.csv" "${columns[@]}" ;;
    esac
    rm -f "$state/promoted" "$state/refused"
    case $verdict in recalibrate | retrain) echo 2 >"$state/waiting" ;; esac
}

if [ $# -eq 0 ]; then set -- monitor examine act; fi
for step in "$@"; do
    case $step in
        monitor | examine | act) "$step" ;;
        *) echo "error: unknown step '$step'; the steps are monitor, examine and act" >&2 && exit 1 ;;
    esac
done
