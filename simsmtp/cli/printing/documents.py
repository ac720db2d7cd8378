"""Studies as JSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsmtp.output.json_values import plain
from simsmtp.statistics.pooled_percentiles import pooled_note

if TYPE_CHECKING:
    from simsmtp.study.study import Study


def document_of(study: Study) -> dict[str, Any]:
    """Return what ``simsmtp run --json`` prints: nan and infinities are null.

    Parameters
    ----------
    study : Study
        A finished study.
    """
    responses: dict[int, dict[str, Any]] = {point.number: {} for point in study.points}
    for row in study.summary().to_dict("records"):
        responses[row["point"]][row["response"]] = plain({name: row[name] for name in ("n", "mean", "low", "high")})
    pooled = pooled_note(study.destinations)
    return {
        "name": study.name,
        "title": study.experiment.title,
        "folder": study.folder.as_posix(),
        "digest": study.digest,
        "seed": study.experiment.seed,
        "replications": study.experiment.replications,
        "points": [
            {"point": one.number, "factors": one.factors, "responses": responses[one.number]} for one in study.points
        ],
        **({"pooled": pooled} if pooled else {}),
        "failures": [failure._asdict() for failure in study.failures],
        "computed": study.computed,
        "reused": study.reused,
        "duration_s": round(study.duration_s, 3),
    }
