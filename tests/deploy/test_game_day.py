"""The game day's table of faults, held against the rules and the runbook, and one fault of it, from its begin to its end.
`make game-day` plays all of them."""
import copy
import re

import game_day
import pytest
import yaml

RUNBOOK = game_day.RUNBOOK.read_text(encoding="utf-8")
SPEED = 15


def entry(alert):
    """An alert's entry in the runbook."""
    return re.search(rf"^### {alert}\n(.*?)^###? ", RUNBOOK, re.S | re.M).group(1)


@pytest.mark.parametrize("fault", game_day.FAULTS, ids=lambda fault: fault.name)
def test_the_runbook_says_what_the_mitigation_does(fault):
    assert game_day.rule_of(fault)["annotations"]["runbook_url"].endswith(f"#{fault.alert.lower()}")
    assert fault.says in entry(fault.alert).partition("**Mitigation.**")[2]


def test_there_are_ten_faults_and_each_has_an_alert_of_its_own():
    assert len({fault.name for fault in game_day.FAULTS}) >= 10
    assert len({fault.alert for fault in game_day.FAULTS}) == len(game_day.FAULTS)


@pytest.mark.parametrize("path", game_day.RULES, ids=lambda path: path.stem)
def test_only_times_are_scaled(path):
    """A scaled file with its times put back is the original."""
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    changed = game_day.scaled(copy.deepcopy(rules), SPEED)
    for group, fast in zip(rules["groups"], changed["groups"], strict=True):
        for rule, quick in zip(group["rules"], fast["rules"], strict=True):
            times = re.findall(r"\[(\w+)\]", rule["expr"]) + [rule.get("for", "0s")]
            quick_times = re.findall(r"\[(\w+)\]", quick["expr"]) + [quick.get("for", "0ms")]
            assert [game_day.seconds(time) * 1000 / SPEED for time in times] == [float(time.removesuffix("ms")) for time in quick_times]
            back = iter(re.findall(r"\[\w+\]", rule["expr"]))
            assert re.sub(r"\[\w+\]", lambda _: next(back), quick["expr"]) == rule["expr"]
            assert {key: value for key, value in quick.items() if key not in ("expr", "for")} == {
                key: value for key, value in rule.items() if key not in ("expr", "for")}


def test_the_report_that_is_kept_has_every_fault():
    text = (game_day.ROOT / "docs" / "GAME-DAY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "OPERATIONS-RUNBOOK.md#" in line]
    told = [fault for fault in game_day.FAULTS if any(fault.injected in row and fault.alert in row and fault.done in row for row in rows)]
    assert len(told) == len(rows) >= 10


def test_a_certificate_that_ends_raises_its_alert_until_it_is_replaced():
    (one,), missing = game_day.game_day([game_day.CertificateEnds], 2 * SPEED)
    assert not missing
    assert one["fired_s"] > 0 and one["silent_s"] >= 0
