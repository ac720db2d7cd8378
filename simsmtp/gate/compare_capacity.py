"""Two capacity plans, answer by answer: what the new one no longer meets, and where it carries less."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simsmtp.errors import InputError
from simsmtp.experiment.capacity_table import RATE
from simsmtp.gate.capacity_comparison import AnswerRow, CapacityComparison
from simsmtp.gate.verdicts import CHANGED, IDENTICAL, INCONCLUSIVE, OK, REGRESSION
from simsmtp.model.numbers import number_text, percent_text
from simsmtp.planning.finding_text import SOUGHT
from simsmtp.planning.recorded_answers import RecordedAnswers
from simsmtp.statistics.judgements import MET, MISSED, UNDECIDED
from simsmtp.statistics.objectives import parse_objective
from simsmtp.store.scenario_identity import default_of

# What may differ where two plans are the same: texts for people, what follows from the other answers, and the version
# that wrote them. Versions word texts differently, and earlier ones wrote fewer of them.
_ASIDE = {"title", "simsmtp", "code", "answer", "answers", "assumptions", "headline", "pooled", "curve_note",
          "bounds_left_out", "sustainable_rate", "last_recipient_s"}  # fmt: skip
_TEXTS = {"sentence", "text", "note"}
_MOST_KEYS = 12
_OF_A_DESTINATION = re.compile(r"^destinations\.\d+\.")


def compare_capacity(base: RecordedAnswers, new: RecordedAnswers, margin: float = 0.05) -> CapacityComparison:
    """Compare the answers of two capacity plans.

    Parameters
    ----------
    base, new : RecordedAnswers
        The plans may differ in anything: that is what is compared.
    margin : float
        Share by which a searched value may become worse.

    Returns
    -------
    CapacityComparison
        REGRESSION where the new plan misses an objective that the base met, or carries less (needs more) than the
        margin allows. INCONCLUSIVE where the replications do not tell, or the plans were not asked the same.
        Identical only where scenario, objectives, all answers and the rows behind them are equal.
    """
    rows = [*_objectives(base, new), *_searches(base, new, margin), *_figures(base.document, new.document)]
    same = not _unlike(base, new)
    if same:
        rows = [one._replace(verdict=IDENTICAL, reason="") for one in rows]
    name = str(new.document.get("name", "") or base.document.get("name", ""))
    return CapacityComparison(tuple(rows), same, name, margin, tuple(_notes(base, new)))


def _unlike(base: RecordedAnswers, new: RecordedAnswers) -> list[str]:
    """Return the parts of the answers that are not equal."""
    keys = sorted({*base.document, *new.document} - _ASIDE)
    parts = [key for key in keys if _values(base.document.get(key, ...)) != _values(new.document.get(key, ...))]
    rows = [part for part in ("digest", "summary") if getattr(base, part) != getattr(new, part)]
    return parts + (rows or ([] if base.digest else ["rows, which are not known"]))


def _values(found: Any) -> Any:
    """Return answers without their texts."""
    if isinstance(found, Mapping):
        return {key: _values(one) for key, one in found.items() if key not in _TEXTS}
    return [_values(one) for one in found] if isinstance(found, list) else found


def _objectives(base: RecordedAnswers, new: RecordedAnswers) -> Iterator[AnswerRow]:
    """Yield what became of each objective; those that one plan alone was asked cannot be compared."""
    sides = [{_meaning(one): one for one in _list(side.document["objectives"])} for side in (base, new)]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        was, now = (side.get(key) for side in sides)
        text = _text(now or was or {}, "objective")
        told = [_judged(one) for one in (was, now)]
        if was is None or now is None:
            yield AnswerRow(text, told[0], told[1], INCONCLUSIVE, "only one of the plans has this objective")
            continue
        yield AnswerRow(text, told[0], told[1], *_step(_text(was, "verdict"), _text(now, "verdict")))


def _meaning(one: Mapping[str, Any]) -> object:
    """Return what tells objectives apart: 60 s and 1 min are the same."""
    try:
        return parse_objective(_text(one, "objective"))[:3]
    except InputError:
        return _text(one, "objective")


def _step(was: str, now: str) -> tuple[str, str]:
    if now == MET:
        return OK, "" if was == MET else "met now"
    if now == MISSED:
        found = {MET: (REGRESSION, "the base met it"), UNDECIDED: (INCONCLUSIVE, "the base did not tell")}
        return found.get(was, (OK, "missed by both: no worse than the base"))
    found = {MISSED: (OK, "the base missed it"), MET: (INCONCLUSIVE, "the base met it")}
    return found.get(was, (INCONCLUSIVE, "neither plan tells"))


def _judged(one: Mapping[str, Any] | None) -> str:
    return "-" if one is None else f"{_text(one, 'verdict')} ({_text(one, 'sentence')})"


def _searches(base: RecordedAnswers, new: RecordedAnswers, margin: float) -> Iterator[AnswerRow]:
    asked = [{_meaning(one) for one in _list(side.document["objectives"])} for side in (base, new)]
    sides = [{_text(one, "search"): one for one in _list(side.document["searches"])} for side in (base, new)]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        was, now = (side.get(key) for side in sides)
        what, told = SOUGHT.get(key, key), [_found(one) for one in (was, now)]
        if was is None or now is None:
            yield AnswerRow(what, told[0], told[1], INCONCLUSIVE, "only one of the plans was searched for it")
        elif was.get("unit") != now.get("unit"):
            yield AnswerRow(what, told[0], told[1], INCONCLUSIVE, "in other units")
        elif asked[0] != asked[1]:
            yield AnswerRow(what, told[0], told[1], INCONCLUSIVE, "for other objectives")
        else:
            yield AnswerRow(what, told[0], told[1], *_shift(was, now, margin, larger=key == RATE))


def _found(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "-"
    if one.get("value") is None:
        return "not confirmed" if one.get("passes") is not None else "none meets the objectives"
    return str(one.get("text") or number_text(float(one["value"])))


def _shift(was: Mapping[str, Any], now: Mapping[str, Any], margin: float, *, larger: bool) -> tuple[str, str]:
    """Judge a searched value.

    A search knows a value that passes and a neighbour that does not: the true edge of what meets the objectives lies
    between, and only what holds for all of that is told as a fact.
    """
    if was.get("value") is None:
        return (OK, "") if now.get("value") is not None or was == now else (INCONCLUSIVE, "the base has no value")
    if now.get("value") is None:
        none = now.get("passes") is None
        return (REGRESSION, "the base had a value") if none else (INCONCLUSIVE, "the base had a value")
    passes = float(now["value"])
    if larger:
        least = float(was["value"]) * (1 - margin)
        beyond = math.inf if now.get("fails") is None else float(now["fails"])
        worse, surely = passes < least, beyond <= least
    else:
        most = float(was["value"]) * (1 + margin)
        beyond = 0.0 if now.get("fails") is None else float(now["fails"]) + 1  # whole numbers
        worse, surely = passes > most, beyond > most
        if now.get("fails") is None and worse:
            return INCONCLUSIVE, "a bound of the search: it may be smaller"
    if not worse:
        return OK, ""
    return (REGRESSION, "") if surely else (INCONCLUSIVE, "the searches end with values too far apart to tell")


def _figures(base: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[AnswerRow]:
    """Yield bottleneck and cost: no direction of these is better or worse by itself."""
    parts = (("sustainable rate", _sustainable), ("bottleneck", _bottleneck), ("cost per million delivered", _cost))
    for what, text in parts:
        was, now = text(base), text(new)
        if (was, now) != ("-", "-") and "" not in (was, now):
            yield AnswerRow(what, was, now, OK if was == now else CHANGED, "")


def _sustainable(document: Mapping[str, Any]) -> str:
    """Return the sustainable rate; empty in the answers of a version that had none."""
    found = document.get("sustainable_rate")
    return _text(found, "text") if isinstance(found, Mapping) else ""


def _bottleneck(document: Mapping[str, Any]) -> str:
    found = document.get("bottleneck")
    if not isinstance(found, Mapping):
        return "-"
    busy = found.get("utilisation")
    share = f", {percent_text(float(busy))} in use" if isinstance(busy, int | float) else ""
    return f"{found.get('name')}: {_number(found.get('messages_per_s'))} messages/s{share}"


def _cost(document: Mapping[str, Any]) -> str:
    found = document.get("cost")
    return f"{_number(found.get('per_million'))} {found.get('currency', '')}".strip() if found else "-"


def _number(value: Any) -> str:
    return number_text(float(value)) if isinstance(value, int | float) else "-"


def _notes(base: RecordedAnswers, new: RecordedAnswers) -> Iterator[str]:
    yield f"{new.source} against {base.source}"
    for key, what in (("seed", "seed"), ("replications", "most replications"), ("level", "confidence level"),
                      ("tolerance", "tolerance of the searches")):  # fmt: skip
        was, now = base.document.get(key), new.document.get(key)
        if was != now:
            yield f"{what}: {now}, in the base {was}"
    changes = [*_differences("", base.document["scenario"], new.document["scenario"])]
    yield from (f"scenario.{change}" for change in changes[:_MOST_KEYS])
    if len(changes) > _MOST_KEYS:
        yield f"{len(changes) - _MOST_KEYS} more keys of the scenario differ"
    unlike = _unlike(base, new)
    if unlike and not changes:
        yield f"what differs in {new.source}: {', '.join(unlike)}"
    codes = [side.document.get("code") for side in (base, new)]
    if all(codes):
        yield f"simsmtp itself is {'the same' if codes[0] == codes[1] else 'another version'}"


def _differences(path: str, was: Any, now: Any) -> Iterator[str]:
    """Yield the keys in which two tables differ, dotted, with both values; a key that is not there is its default."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*was, *now]):
            below = f"{path}.{key}" if path else str(key)
            usual = default_of(_OF_A_DESTINATION.sub("", below))
            yield from _differences(below, was.get(key, usual), now.get(key, usual))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, pair in enumerate(zip(was, now, strict=True)):
            yield from _differences(f"{path}.{number}", *pair)
    elif was != now:
        yield f"{path}: {now}, in the base {was}"


def _list(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(one: Mapping[str, Any], key: str) -> str:
    return str(one.get(key, ""))
