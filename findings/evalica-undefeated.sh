#!/usr/bin/env bash
# evalica's Bradley-Terry gives every model the same score when one of them has won each comparison;
# Newman's variant gives nine wins of ten the same score as one. Neither gives a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q evalica==0.4.2
venv/bin/python -W error - <<'PY'
from importlib.metadata import version

from evalica import Winner, average_win_rate, bradley_terry, newman

print("evalica", version("evalica"))


def scores(method, wins, solver):
    """Scores from (winner, loser, times)."""
    games = [(winner, loser) for winner, loser, times in wins for _ in range(times)]
    winners, losers = zip(*games)
    result = method(winners, losers, [Winner.X] * len(games), solver=solver).scores
    return {name: round(float(result[name]), 6) for name in sorted(result.index)}


undefeated = [("a", "b", 4), ("a", "c", 4), ("b", "c", 2), ("c", "b", 2)]
once_beaten = [("a", "b", 4), ("a", "c", 3), ("c", "a", 1), ("b", "c", 2), ("c", "b", 2)]
for solver in ("pyo3", "naive"):
    all_won, lost_one = (scores(bradley_terry, wins, solver) for wins in (undefeated, once_beaten))
    print(f"{solver}: a won 8 of 8: {all_won}; a won 7 of 8: {lost_one}")
    assert lost_one["a"] > 2 * lost_one["b"]
    assert len(set(all_won.values())) == 1, "the undefeated model is ahead now"
    pair = [("a", "b", 9), ("b", "a", 1)]
    two, by_newman = (scores(method, pair, solver) for method in (bradley_terry, newman))
    print(f"{solver}: a won 9 of 10: Bradley-Terry {two}, Newman {by_newman}")
    assert two["a"] > two["b"] and by_newman["a"] == by_newman["b"], "Newman tells them apart now"
print("win rates of the first case:", scores(average_win_rate, undefeated, "pyo3"))
PY
