"""Config sections of the reference data: where it comes from, what is kept of it, how it is split."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from .section import Section, Temperature, key


def _size(value: Any) -> int | float:
    """A number of frames or a share of all of them."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 2
    share = isinstance(value, float) and 0 < value < 1
    if not (whole or share):
        raise ValueError("allowed is a number of frames from 2 on, or a share between 0 and 1")
    return value


Size = Annotated[
    int | float,
    PlainValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 2},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ]
        }
    ),
]
EnergyUnit = Literal["eV", "meV", "kcal/mol", "kJ/mol", "Hartree", "Rydberg"]
LengthUnit = Literal["A", "Bohr", "nm"]
ForceUnit = Literal[
    "eV/A", "meV/A", "kcal/mol/A", "kJ/mol/A", "kJ/mol/nm", "Hartree/Bohr", "Hartree/A", "Rydberg/Bohr", "eV/Bohr"
]
StressUnit = Literal[
    "eV/A^3", "meV/A^3", "GPa", "kbar", "bar", "kcal/mol/A^3", "kJ/mol/nm^3", "Hartree/Bohr^3", "Rydberg/Bohr^3"
]


class Generate(Section):
    """Reference trajectories: molecular dynamics with the oracle itself."""

    molecule: str = key("ethanol", "a name (ethanol, CH3CH2OH) or the path of a structure file that ASE reads")
    temperatures_K: list[Temperature] = key(
        [300.0, 450.0, 600.0], "temperatures of the reference trajectories", "K", min_length=1, max_length=20
    )
    trajectories_per_temperature: int = key(2, "independent trajectories at each temperature", ge=1, le=100)
    timestep_fs: float = key(0.5, "time step of the reference dynamics", "fs", gt=0, le=5)
    equilibration_ps: float = key(0.5, "time before the first frame is kept", "ps", ge=0, le=1000)
    length_ps: float = key(1.0, "length of each trajectory", "ps", gt=0, le=10000)
    stride_fs: float = key(10.0, "time between kept frames", "fs", gt=0, le=10000)
    friction_per_ps: float = key(10.0, "Langevin friction", "1/ps", gt=0, le=1000)
    distorted: int = key(
        0, "test structures with bonds turned, and as many with a bond stretched; for split.strategy trajectory", ge=0
    )


class Download(Section):
    """Published reference data, fetched once and kept."""

    dataset: Literal["rmd17", "md17"] = key(
        "rmd17", "rmd17: PBE/def2-SVP, with published splits; md17: PBE+vdW-TS, another surface, known to be noisy"
    )
    molecule: Literal[
        "aspirin", "azobenzene", "benzene", "ethanol", "malonaldehyde",
        "naphthalene", "paracetamol", "salicylic_acid", "toluene", "uracil",
    ] = key("ethanol", "one of the ten molecules")  # fmt: skip
    url: str | None = key(None, "a mirror (http, https, file://) or a local path; null: where it was published")
    sha256: str | None = key(
        None, "the file has to have this hash; null: the hash of the first download counts", pattern="^[0-9a-f]{64}$"
    )
    folder: str = key("downloads", "where downloads are kept, for all experiments")
    retries: int = key(5, "further tries after a failed one; each goes on where the last one broke off", ge=0, le=100)
    timeout_s: float = key(60.0, "a try fails when nothing comes for so long", "s", gt=0, le=3600)


class Files(Section):
    """Labelled frames of your own: the keys and units of your files are named here, never guessed."""

    paths: list[str] = key([], "extended XYZ, ASE trajectory or database, SchNetPack database, npz")
    format: Literal["extxyz", "traj", "db", "npz"] | None = key(None, "null: by the name of each file")
    energy_key: str | None = key(None, "what the files call the energy (ASE: energy, sGDML: E, rMD17: energies)")
    force_key: str | None = key(None, "what they call the forces (ASE: forces, sGDML: F, rMD17: forces)")
    positions_key: str = key("R", "npz only: the positions (sGDML: R, rMD17: coords)")
    numbers_key: str = key("z", "npz only: the atomic numbers (sGDML: z, rMD17: nuclear_charges)")
    energy_unit: EnergyUnit | None = key(None, "unit of the energies")
    force_unit: ForceUnit | None = key(None, "unit of the forces")
    length_unit: LengthUnit | None = key(None, "unit of positions and cells")
    stress_key: str | None = key(None, "what they call the stress of periodic cells (ASE: stress); null: none is read")
    stress_unit: StressUnit | None = key(None, "unit of the stress")
    stress_sign: Literal["tension", "pressure"] | None = key(
        None, "what is positive in your files: tension, as ASE writes it, or pressure, as most codes print it"
    )
    virial_key: str | None = key(None, "instead of a stress: the virial, -volume x stress, in the unit of the energies")
    accept_units: bool = key(False, "take the units as they are named although the numbers fit others better")
    columns: dict[str, str] = key(
        {},
        "further values of each frame, our name: yours; temperature_K, trajectory, charge, multiplicity mean something",
    )
    level_of_theory: str | None = key(None, "what the labels were computed with")
    licence: str = key("not stated", "of the data")
    citation: str = key("not stated", "of the data")


class Curate(Section):
    """Which reference frames are refused."""

    force_cap_eV_per_A: float = key(50.0, "a frame with a larger force on any atom is dropped", "eV/Å", gt=0)
    closest_contact: float = key(
        0.5, "a frame with two atoms closer than this share of their summed covalent radii is dropped", gt=0, lt=1
    )


class Reference(Section):
    """Where the first labelled frames and the frozen test set come from."""

    source: Literal["generate", "download", "files"] = key(
        "generate", "generate: dynamics with the oracle; download: MD17 or rMD17; files: your own labelled frames"
    )
    generate: Generate = Field(default_factory=Generate)
    download: Download = Field(default_factory=Download)
    files: Files = Field(default_factory=Files)
    curate: Curate = Field(default_factory=Curate)


class Split(Section):
    """Start, validation and test sets; the test set is frozen before round 0. Sizes are counts or shares (0.1)."""

    strategy: Literal["trajectory", "time", "column", "published", "random"] = key(
        "trajectory",
        "trajectory: whole ones held out; time: blocks; column: whole groups; published: of rMD17; random",
    )
    train: Size = key(60, "frames of the start set that are trained on")
    validation: Size = key(12, "frames of the start set that choose the best epoch")
    test: Size = key(240, "frames of the test set")
    start_temperature_max_K: float | None = key(
        300.0, "trajectory: the start set is drawn from those up to this temperature; null: from all", "K", gt=0
    )
    gap_frames: int = key(0, "time: frames left out on both sides of the border of two blocks", ge=0)
    column: str | None = key(None, "column: frames with the same value here stay together (temperature_K, source)")
    test_values: list[int | float | str] | None = key(None, "column: the values that make the test set; null: drawn")
    fold: int = key(1, "published: which of rMD17's five splits", ge=1, le=5)
    leakage_rmsd_A: float = key(
        0.02, "a test frame closer than this to a training frame (aligned RMSD) is reported", "Å", gt=0, le=1
    )
    max_leaked_fraction: float | None = key(
        None, "a larger share of such test frames stops the run; null: 0.05, and any where trajectories are held out",
        ge=0, le=1,
    )  # fmt: skip
