"""The config file as pydantic models, one a section; each key with its meaning, unit, bounds and default."""

from typing import Annotated, Literal

from pydantic import Field

from .analysis import Analysis
from .data import Reference, Split
from .dynamics import Exploration, Simulation
from .labels import Labels, Oracle, OracleGate
from .section import Section, key
from .sweep import Sweep
from .training import Training


class Committee(Section):
    """The models trained side by side; their spread is the uncertainty."""

    size: int = key(3, "members", ge=1, le=32)
    bootstrap: bool = key(
        False, "each member trains on a draw with replacement from the training set: more spread, less accuracy"
    )


class Model(Section):
    """The network, all SchNetPack's own."""

    representation: Literal["painn", "schnet", "so3net"] = key("painn", "painn (equivariant), schnet or so3net")
    n_atom_basis: int = key(128, "features an atom", ge=4, le=1024)
    n_interactions: int = key(3, "interaction blocks", ge=1, le=12)
    n_rbf: int = key(20, "radial basis functions", ge=2, le=300)
    cutoff_A: float = key(5.0, "neighbour cutoff", "Å", gt=0.5, le=20)
    radial_basis: Literal["gaussian", "bessel"] = key("gaussian", "the radial basis functions")
    cutoff_function: Literal["cosine", "mollifier"] = key("cosine", "how interactions fade towards the cutoff")
    n_filters: int = key(128, "filters of SchNet's convolutions; the others do not use it", ge=4, le=1024)
    lmax: int = key(2, "highest angular momentum of SO3net; the others do not use it", ge=0, le=6)
    shared_interactions: bool = key(False, "all interaction blocks have the same weights")
    shared_filters: bool = key(False, "all blocks of PaiNN have the same filters; the others do not use it")
    output_layers: int = key(2, "layers of the network from features to the atom's energy", ge=1, le=6)
    output_hidden: int | None = key(None, "width of its hidden layers; null: halved from layer to layer", ge=1, le=1024)


class Selection(Section):
    """Which explored structures are worth a label."""

    per_round: int = key(60, "structures labelled a round", ge=1)
    criterion: Literal["band", "top"] = key(
        "band", "committee: candidates are the frames from low_eV_per_A up, or simply the most uncertain ones"
    )
    low_eV_per_A: float = key(0.2, "below this expected force error a frame is known well enough", "eV/Å", ge=0)
    high_eV_per_A: float | None = key(
        None, "committee: above this a frame is too strange to be worth a label; null: none is", "eV/Å", gt=0
    )
    percentile: float = key(95.0, "the strategy percentile: candidates are the frames above this one", ge=0, lt=100)
    force_cap_eV_per_A: float = key(30.0, "a frame with a larger predicted force is not labelled", "eV/Å", gt=0)
    closest_contact: float = key(
        0.6, "a frame with two atoms closer than this share of their summed covalent radii is not labelled", gt=0, lt=1
    )
    keep_whole: bool = key(True, "an isolated frame in more pieces than any trained one of its atoms is not labelled")
    duplicate_rmsd_A: float = key(
        0.005, "a frame nearer than this to a trained or another candidate frame is not labelled (aligned RMSD)", "Å",
        ge=0, le=1,
    )  # fmt: skip
    diversity: Literal["farthest", "clusters", "none"] = key(
        "farthest", "picks from the pool: farthest points; the largest cluster's farthest point; the first ones"
    )
    spot_checks: int = key(
        3, "committee: so many frames are labelled at least, at random where too few are uncertain", ge=0
    )
    pool_factor: float = key(
        4.0, "the most uncertain frames, this many times the budget, are the pool that diversity picks from", ge=1
    )


class Rounds(Section):
    """How often the loop turns, and for whom."""

    mode: Literal["fixed", "until_converged"] = key(
        "fixed", "fixed: `count` rounds for every arm; until_converged: `decide` may stop an arm earlier"
    )
    count: int = key(3, "rounds at most, the first one included", ge=1, le=1000)
    strategies: list[Literal["committee", "percentile", "diversity", "random"]] = key(
        ["committee", "random"], "ways to choose what to label, each its own arm; random is the control", min_length=1
    )
    seeds: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = key(
        [42], "each seed is its own arm of every strategy", min_length=1
    )


class Decision(Section):
    """When an arm counts as converged."""

    force_mae_meV_per_A: float = key(43.0, "largest force error of the committee on the test set", "meV/Å", gt=0)
    uncertain_fraction: float = key(
        0.05, "largest share of explored frames above selection.low_eV_per_A; of one member it is not known", ge=0, le=1
    )
    survival_fraction: float = key(0.95, "smallest share of walkers that reach their end", ge=0, le=1)
    stable_rounds: int = key(1, "rounds in a row that have to meet all targets", ge=1, le=1000)
    worse_by: float = key(0.1, "a force error that rises by more than this share twice in a row stops the run", gt=0)


class Experiment(Section):
    """The whole config file."""

    name: str = key("ethanol", "results go to results/<name>", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: int = key(42, "every random draw derives from it", ge=0, le=2**31 - 1)
    device: Literal["cpu", "cuda"] = key("cpu", "where models train and run")
    threads: int = key(1, "CPU threads of one job with a model; members train side by side", ge=1, le=256)
    container: str | None = key(
        None, "image that jobs run in with Snakemake's option --sdm apptainer, such as ouroboros.sif (envs/README.md)"
    )
    reference: Reference = Field(default_factory=Reference)
    oracle: Oracle = Field(default_factory=Oracle)
    oracle_gate: OracleGate = Field(default_factory=OracleGate)
    split: Split = Field(default_factory=Split)
    committee: Committee = Field(default_factory=Committee)
    model: Model = Field(default_factory=Model)
    training: Training = Field(default_factory=Training)
    exploration: Exploration = Field(default_factory=Exploration)
    simulation: Simulation = Field(default_factory=Simulation)
    analysis: Analysis = Field(default_factory=Analysis)
    selection: Selection = Field(default_factory=Selection)
    labels: Labels = Field(default_factory=Labels)
    rounds: Rounds = Field(default_factory=Rounds)
    decision: Decision = Field(default_factory=Decision)
    sweep: Sweep = Field(default_factory=Sweep)
