"""The config file as pydantic models, one a section; each key with its meaning, unit, bounds and default."""

from typing import Annotated, Literal

from pydantic import Field

from .data import Reference, Split
from .labels import Labels, Oracle, OracleGate
from .section import Section, Temperature, key
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


class Exploration(Section):
    """Dynamics with the committee that looks for structures it does not know: many walkers, Langevin thermostat."""

    walkers: int = key(16, "independent walkers, run as one batch", ge=1, le=10000)
    temperatures_K: list[Temperature] = key(
        [600.0], "temperatures, dealt out to the walkers in turn", "K", min_length=1, max_length=100
    )
    timestep_fs: float = key(0.5, "time step", "fs", gt=0, le=5)
    length_ps: float = key(0.5, "length of each walker", "ps", gt=0, le=100000)
    stride_fs: float = key(10.0, "time between kept frames", "fs", gt=0, le=10000)
    friction_per_ps: float = key(10.0, "Langevin friction", "1/ps", gt=0, le=1000)
    hard_limit_eV_per_A: float = key(
        2.0, "a walker stops when its calibrated force uncertainty passes this", "eV/Å", gt=0, le=1000
    )
    closest_contact: float = key(
        0.5, "a walker stops when two atoms come closer than this share of their summed covalent radii", gt=0, lt=1
    )
    max_temperature_factor: float = key(
        6.0, "a walker stops when its kinetic temperature passes this many times its thermostat's", gt=1, le=1000
    )


class Simulation(Section):
    """The production run that is analysed: constant energy, velocity Verlet, forces of the committee's mean."""

    walkers: int = key(
        8, "independent runs, as one batch; their mean temperature scatters by T/sqrt(3N walkers)", ge=1, le=10000
    )
    temperature_K: Temperature = key(300.0, "temperature of the initial velocities", "K")
    timestep_fs: float = key(0.5, "time step", "fs", gt=0, le=5)
    steps: int = key(10000, "steps", ge=10)
    stride: int = key(10, "steps between kept frames", ge=1)


class Analysis(Section):
    """What the production run is judged by."""

    drift_limit_eV_per_step: float = key(0.001, "largest drift of the total energy", "eV/step", gt=0)
    curve_distance_limit: float = key(
        0.2, "largest distance (0 to 1) of the pair-distance curve from that of the reference", ge=0, le=1
    )
    peak_shift_limit_A: float = key(0.05, "largest shift of that curve's first peak", "Å", gt=0)
    range_A: float = key(6.0, "range of the radial distribution of a periodic cell", "Å", gt=0.5, le=50)
    bin_width_A: float = key(0.02, "bin width of the distance curves", "Å", gt=0, le=1)


class Selection(Section):
    """Which explored structures are worth a label."""

    per_round: int = key(60, "structures labelled a round", ge=1)
    low_eV_per_A: float = key(0.2, "below this calibrated force uncertainty a frame is known well enough", "eV/Å", ge=0)
    force_cap_eV_per_A: float = key(30.0, "a frame with a larger predicted force is not labelled", "eV/Å", gt=0)
    closest_contact: float = key(
        0.6, "a frame with two atoms closer than this share of their summed covalent radii is not labelled", gt=0, lt=1
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
    strategies: list[Literal["committee", "random"]] = key(
        ["committee", "random"], "ways to choose what to label, each its own arm; random is the control", min_length=1
    )
    seeds: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = key(
        [42], "each seed is its own arm of every strategy", min_length=1
    )


class Decision(Section):
    """When an arm counts as converged."""

    force_mae_meV_per_A: float = key(43.0, "largest force error of the committee on the test set", "meV/Å", gt=0)
    uncertain_fraction: float = key(0.05, "largest share of explored frames above selection.low_eV_per_A", ge=0, le=1)
    survival_fraction: float = key(0.95, "smallest share of walkers that reach their end", ge=0, le=1)


class Experiment(Section):
    """The whole config file."""

    name: str = key("ethanol", "results go to results/<name>", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: int = key(42, "every random draw derives from it", ge=0, le=2**31 - 1)
    device: Literal["cpu", "cuda"] = key("cpu", "where models train and run")
    threads: int = key(1, "CPU threads of one job with a model; members train side by side", ge=1, le=256)
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
