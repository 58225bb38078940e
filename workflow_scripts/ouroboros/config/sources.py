"""Checks of where the reference data come from, and of the split that is asked of them."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .data import Files, Reference
from .sections import Experiment

PUBLISHED = 1000
MEANINGFUL = ("temperature_K", "trajectory", "time_fs", "charge", "multiplicity")
NEEDED = ("energy_key", "force_key", "energy_unit", "force_unit", "length_unit", "level_of_theory")


def source_problems(experiment: Experiment) -> Iterator[str]:
    """Files that are not there, and keys and units that nobody named."""
    reference = experiment.reference
    if reference.source == "download":
        yield from _url(reference.download.url)
    if reference.source != "files":
        return
    files = reference.files
    if not files.paths:
        yield "Config key 'reference.files.paths' is empty; name the files that hold your labelled frames."
    for path in files.paths:
        if not Path(path).is_file():
            yield f"Config key 'reference.files.paths' names {path!r}, but there is no such file; check the path."
    missing = [f"reference.files.{name}" for name in NEEDED if getattr(files, name) is None]
    if missing:
        verb = "keys {} are" if len(missing) > 1 else "key {} is"
        yield (
            f"Config {verb.format(', '.join(missing))} not set; keys and units of your own files are never guessed, so "
            "name what is in them."
        )
    yield from _stress(files)
    for name in files.columns:
        meant = get_close_matches(name, MEANINGFUL, n=1, cutoff=0.75)
        if meant and name not in MEANINGFUL:
            yield (
                f"Config key 'reference.files.columns' has a column {name!r}; did you mean {meant[0]!r}, which means "
                "something here? Call it otherwise if not."
            )


def _stress(files: Files) -> Iterator[str]:
    """A stress whose unit or sign nobody named, or two sources of one."""
    told = {name: getattr(files, name) for name in ("stress_unit", "stress_sign")}
    if files.stress_key and files.virial_key:
        yield (
            f"Config keys 'reference.files.stress_key' ({files.stress_key}) and 'reference.files.virial_key' "
            f"({files.virial_key}) are both set; one of them tells the stress, so set the other to null."
        )
    for name, value in told.items():
        if files.stress_key and value is None:
            yield (
                f"Config key 'reference.files.{name}' is not set, but stress_key is {files.stress_key!r}; unit and "
                "sign of a stress are never guessed, so name what your files have."
            )
        if value and not files.stress_key:
            yield (
                f"Config key 'reference.files.{name}' is {value!r}, but no stress_key is set; name what your files "
                "call the stress, or leave it out."
            )


def _url(url: str | None) -> Iterator[str]:
    """A place that cannot be asked, or a local file that is not there."""
    parts = urlsplit(url or "https:")
    path = unquote(parts.path) if parts.scheme == "file" else url or ""
    if parts.scheme in ("http", "https"):
        return
    if "://" in (url or "") and parts.scheme != "file":
        yield f"Config key 'reference.download.url' is {url!r}; it takes http://, https://, file:/// or a path."
    elif not Path(path).expanduser().is_file():
        yield f"Config key 'reference.download.url' names {path!r}, but there is no such file; check the path."


def split_problems(experiment: Experiment) -> Iterator[str]:
    """Sizes and strategies that cannot be had from the reference."""
    split, reference = experiment.split, experiment.reference
    shares = [size for size in (split.train, split.validation, split.test) if isinstance(size, float)]
    if sum(shares) > 1 + 1e-9:
        yield (
            f"Config keys 'split.train', 'split.validation' and 'split.test' are the shares {shares}, more than all "
            "frames together; lower them."
        )
    columns = _columns(reference)
    if split.strategy == "column" and split.column is None:
        yield "Config key 'split.column' is not set; the strategy 'column' needs the column whose values stay together."
    elif split.strategy == "column" and split.column not in columns:
        yield (
            f"Config key 'split.column' is {split.column!r}, but the reference will have the columns "
            f"{', '.join(columns)}; choose one of them, or name yours in reference.files.columns."
        )
    if split.strategy == "trajectory" and "trajectory" not in columns:
        name = (
            "; or name the key of your trajectories in reference.files.columns" if reference.source == "files" else ""
        )
        yield (
            "Config key 'split.strategy' is 'trajectory', but the reference will have no column 'trajectory'; choose "
            f"time, random, column{' or published' if reference.source == 'download' else ''}{name}."
        )
    if split.strategy == "published":
        yield from _published_sizes(experiment)
    if split.strategy == "published" and (reference.source, reference.download.dataset) != ("download", "rmd17"):
        yield (
            "Config key 'split.strategy' is 'published', but only rMD17 has published splits; set reference.source to "
            "download and reference.download.dataset to rmd17, or choose another strategy."
        )
    if reference.source == "generate" and split.strategy == "trajectory":
        yield from _generated(experiment)
    elif reference.source == "generate" and reference.generate.distorted:
        yield (
            f"Config key 'reference.generate.distorted' is {reference.generate.distorted}, but split.strategy "
            f"{split.strategy} would train on distorted structures, which are there to test; set it to 0, or choose "
            "the strategy trajectory."
        )


def _columns(reference: Reference) -> list[str]:
    """The columns that the reference will have."""
    if reference.source == "generate":
        return ["temperature_K", "trajectory", "time_fs"]
    if reference.source == "files":
        return [*reference.files.columns, "source", "raw_index"]
    extra = ["md17_index", "time_fs"] if reference.download.dataset == "rmd17" else []
    return ["temperature_K", *extra, "source", "raw_index"]


def _published_sizes(experiment: Experiment) -> Iterator[str]:
    """rMD17 publishes 1,000 frames to train on and 1,000 to test on in each split."""
    split = experiment.split
    sizes = [size if isinstance(size, int) else 100_000 * size for size in (split.train, split.validation, split.test)]
    if sizes[0] + sizes[1] > PUBLISHED or sizes[2] > PUBLISHED:
        yield (
            f"Config keys 'split.train' ({split.train}), 'split.validation' ({split.validation}) and 'split.test' "
            f"({split.test}) ask for more than the {PUBLISHED} frames to train and validate on and {PUBLISHED} to test "
            "on that rMD17 publishes; lower them."
        )


def _generated(experiment: Experiment) -> Iterator[str]:
    """What whole trajectories of the generated reference can give."""
    generate, split = experiment.reference.generate, experiment.split
    limit = split.start_temperature_max_K or float("inf")
    cold = [t for t in generate.temperatures_K if t <= limit]
    hot = [t for t in generate.temperatures_K if t > limit]
    if not cold:
        yield (
            f"Config key 'split.start_temperature_max_K' is {limit:g}, below every reference temperature "
            f"{generate.temperatures_K}; raise it, or add a colder one to reference.generate.temperatures_K."
        )
        return
    if len(set(generate.temperatures_K)) < len(generate.temperatures_K):
        yield f"Config key 'reference.generate.temperatures_K' is {generate.temperatures_K}; each may stand there once."
        return
    each = generate.trajectories_per_temperature
    if each < 2:
        yield (
            f"Config key 'reference.generate.trajectories_per_temperature' is {each}; it takes at least 2, one to "
            "train on and one for the test set."
        )
        return
    held_back = max(1, each // 2)
    frames = int(generate.length_ps * 1000 / generate.stride_fs + 1e-6)
    distorted = 2 * generate.distorted  # at most: some molecules have no bond to turn
    everything = each * frames * len(generate.temperatures_K) + distorted
    start = len(cold) * (each - held_back) * frames
    test = (len(cold) * held_back + len(hot) * each) * frames + distorted
    sizes = [split.train, split.validation, split.test]
    counts = [size if isinstance(size, int) else round(size * everything) for size in sizes]
    if counts[0] + counts[1] > start:
        yield (
            f"Config keys 'split.train' ({split.train}) and 'split.validation' ({split.validation}) ask for more than "
            f"the {start} frames that the reference trajectories up to {limit:g} K give; lower them, or make the "
            "trajectories longer or more."
        )
    if counts[2] > test:
        yield (
            f"Config key 'split.test' is {split.test}, but the trajectories kept for testing have {test} frames; "
            "lower it, or make the trajectories longer or more."
        )
