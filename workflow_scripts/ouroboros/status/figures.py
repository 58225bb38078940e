"""The figures of each round that has begun, from its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .expected import START, computed_in
from .lenient import read_json, read_table
from .observed import AT_WORK, DONE, PROGRESS, Observed


@dataclass(frozen=True)
class RoundFigures:
    """A line of the table; what is not known yet is empty.

    Attributes:
        arm: or `start-<seed>`, while the arms of a seed have not parted yet.
        number: of the round.
        data: labelled frames to train and validate on.
        trained: members that are done, of all.
        epoch: that members came to.
        loss: mean validation loss of the members that are done.
        force_mae: of the committee on the test set, meV/Å.
        walkers: survived, of all.
        labels: done, failed and waiting.
        decision: of the round.
    """

    arm: str
    number: int
    data: str = ""
    trained: str = ""
    epoch: str = ""
    loss: str = ""
    force_mae: str = ""
    walkers: str = ""
    labels: str = ""
    decision: str = ""


def rounds_begun(home: Path, last: dict[str, int], jobs: Sequence[Observed]) -> list[RoundFigures]:
    """The rounds that have begun, by arm.

    Args:
        home: the results.
        last: the last round of each arm.
        jobs: all jobs of the run.
    """
    rows: list[RoundFigures] = []
    for arm, end in last.items():
        for r in range(end + 1):
            shared, own = computed_in(arm, r), f"{arm}/round_{r}"
            if not (home / shared / "dataset.json").exists():
                break
            parted = r > 0 or (home / own / "select/selection.json").exists()
            name = arm if parted else f"{START}-{arm.rsplit('-', 1)[1]}"
            if parted or not any(row.arm == name for row in rows):
                trainings, batches = _jobs("train", shared, jobs), _jobs("label", own, jobs)
                rows.append(_row(home / shared, home / own, name, r, trainings, batches))
    return rows


def _jobs(rule: str, folder: str, jobs: Sequence[Observed]) -> list[Observed]:
    return [each for each in jobs if each.job.rule == rule and each.job.name.startswith(f"{folder}/")]


def _row(
    shared: Path, own: Path, arm: str, r: int, trainings: Sequence[Observed], batches: Sequence[Observed]
) -> RoundFigures:
    counts, walkers = read_json(shared / "dataset.json"), read_table(shared / "explore/walkers.csv")
    mae = read_json(shared / "test/metrics.json").get("committee", {}).get("force_mae_meV_per_A")
    return RoundFigures(
        arm,
        r,
        data=str(counts["train"] + counts["validation"]) if {"train", "validation"} <= counts.keys() else "",
        **_members(shared, trainings),
        force_mae="" if mae is None else f"{mae:.1f}",
        walkers=f"{int(walkers['survived'].sum())}/{len(walkers)}" if len(walkers) and "survived" in walkers else "",
        labels=_labels(own, batches),
        decision=read_json(own / "decision.json").get("state", ""),
    )


def _members(shared: Path, trainings: Sequence[Observed]) -> dict[str, str]:
    """How many are trained, how far they came, and the mean validation loss of those that are done."""
    done = [each for each in trainings if each.state == DONE]
    folders = [shared / Path(each.job.output).parent.name for each in done]
    summaries = [read_json(folder / "training.json") for folder in folders]
    losses = [loss for each in summaries if (loss := each.get("validation", {}).get("loss")) is not None]
    under_way = [match for each in trainings if each.state == AT_WORK and (match := PROGRESS.search(each.told))]
    epochs = {str(each["epochs"]) for each in summaries if "epochs" in each}
    if under_way:
        slowest = min(under_way, key=lambda match: int(match[1]))
        epochs = {f"{slowest[1]}/{slowest[2]}"}
    return {
        "trained": f"{len(done)}/{len(trainings)}",
        "epoch": "-".join(sorted(epochs, key=lambda epoch: (len(epoch), epoch))[:: max(len(epochs) - 1, 1)]),
        "loss": f"{sum(losses) / len(losses):.3g}" if losses else "",
    }


def _labels(own: Path, batches: Sequence[Observed]) -> str:
    """Labels of a round: done, failed, waiting; before they are gathered, by the batches that are done."""
    asked = read_json(own / "select/selection.json").get("selected")
    if asked is None or not batches:
        return ""
    gathered = read_json(own / "labels.json")
    if gathered:
        return f"{gathered['n_labelled']}/{gathered['n_failed']}/0"
    done = failed = 0
    for each in batches:
        failures = own / "label" / Path(each.job.output).name
        if each.state == DONE:
            done, failed = done + _frames_beside(failures), failed + len(read_table(failures))
        elif progress := PROGRESS.search(each.told):
            done += int(progress[1])
    return f"{done}/{failed}/{max(asked - done - failed, 0)}"


def _frames_beside(failures: Path) -> int:
    """Frames in the extended XYZ file beside a batch's failures: each has one comment line that names its columns."""
    batch = failures.with_name(failures.name.replace("_failures.csv", ".extxyz"))
    try:
        return batch.read_text(encoding="utf-8").count("Properties=")
    except OSError:
        return 0
