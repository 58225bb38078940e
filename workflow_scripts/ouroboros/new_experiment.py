"""`make new`: the config of a first experiment with a molecule, checked, with comments.

python -m ouroboros.new_experiment MOLECULE [--name NAME] [--oracle KIND] [--charge N] [--multiplicity N]
"""

import argparse
import json
import re
from pathlib import Path

import yaml

from .config import ConfigError, load_experiment
from .contacts import check_geometry
from .molecules import resolve_molecule

TEXT = """\
# {formula}, {atoms} atoms. Every other key has the default that config.yaml gives, with its meaning and bounds.
name: {quoted}  # results go to results/{name}
reference:
  generate:
    molecule: {molecule}  # a name, or the path of a structure file
    temperatures_K: [300, 450, 600]  # the start set is drawn at 300 K, the test set at all of them
    length_ps: 1.0  # of each of two trajectories a temperature
oracle:
  kind: {oracle}  # what labels: xtb (GFN2-xTB, fast), pyscf (DFT), ase (ORCA, CP2K, VASP ...); docs/oracles.md
  charge: {charge}
  multiplicity: {multiplicity}  # 2S + 1
exploration:
  temperatures_K: [600]  # where the models look for structures that they do not know
selection:
  per_round: 60  # the budget: structures labelled a round
rounds:
  count: 4
  strategies: [committee]  # [committee, random] runs the control too, at twice the price
"""


def config_text(
    molecule: str, name: str | None = None, oracle: str = "xtb", charge: int = 0, multiplicity: int = 1
) -> tuple[str, str]:
    """The name of the experiment and the text of its config, which passes all checks of a config.

    Args:
        molecule: see `molecules.resolve_molecule`; a file holds one structure.
        name: of the experiment; None: made from the molecule.
        oracle: xtb or pyscf.
        charge: of the molecule.
        multiplicity: 2S + 1.

    Raises:
        ConfigError: it cannot be run, in one sentence.
    """
    _refuse_many(molecule)
    try:
        atoms = resolve_molecule(molecule)
    except ValueError as error:
        raise ConfigError(f"{error}" if str(error).endswith((".", "?")) else f"{error}.") from error
    if problem := check_geometry(atoms):
        raise ConfigError(f"{molecule} is no molecule to begin with: {problem}.")
    name = name or _name_of(Path(molecule).stem if Path(molecule).is_file() else molecule)
    text = TEXT.format(
        formula=atoms.get_chemical_formula(), atoms=len(atoms), name=name, quoted=json.dumps(name),
        molecule=json.dumps(molecule), oracle=oracle, charge=charge, multiplicity=multiplicity,
    )  # fmt: skip
    load_experiment(yaml.safe_load(text))
    return name, text


def _name_of(molecule: str) -> str:
    """A name of an experiment.

    Raises:
        ConfigError: nothing is left of the molecule's name that may stand in it.
    """
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", molecule).strip("._-")
    if not name:
        raise ConfigError(f"No name for the experiment can be made of {molecule}; give one: NAME=...")
    return name


def _refuse_many(molecule: str) -> None:
    """A trajectory is no molecule, though ASE would take its last frame for one.

    Raises:
        ConfigError: the file holds several structures.
    """
    import ase.io

    if not Path(molecule).is_file():
        return
    try:
        frames = sum(1 for _ in ase.io.iread(molecule, index=":"))
    except Exception:  # told by resolve_molecule
        return
    if frames > 1:
        raise ConfigError(
            f"{molecule} holds {frames} structures; give a file with one. Labelled frames of your own are taken with "
            "reference.source: files (docs/reference_data.md)."
        )


def write(name: str, text: str) -> Path:
    """Write `<name>.yaml` here.

    Raises:
        ConfigError: it is there already, or there are results of that name.
    """
    path = Path(f"{name}.yaml")
    for taken in (path, Path("results") / name):
        if taken.exists():
            raise ConfigError(f"{taken} is there already and stays as it is; give another name: NAME=...")
    path.write_text(text, encoding="utf-8")
    return path


def main() -> int:
    """Write the config and say what comes next."""
    arguments = argparse.ArgumentParser(prog="python -m ouroboros.new_experiment")
    arguments.add_argument("molecule")
    arguments.add_argument("--name")
    arguments.add_argument("--oracle", choices=("xtb", "pyscf"), default="xtb")
    arguments.add_argument("--charge", type=int, default=0)
    arguments.add_argument("--multiplicity", type=int, default=1)
    asked = vars(arguments.parse_args())
    if not asked["molecule"]:
        print("Which molecule? make new MOLECULE=my.xyz, or a name: make new MOLECULE=ethanol")
        return 1
    try:
        path = write(*config_text(**asked))
    except ConfigError as error:
        hint = " make new takes CHARGE=... and MULTIPLICITY=... too." if "oracle.multiplicity" in str(error) else ""
        print(f"{error}{hint}\nNothing was written.")
        return 1
    print(
        f"{path} is written and checked. Look at it, then:\n"
        f"  make plan CONFIG={path}    # what it will take\n"
        f"  make quick CONFIG={path}   # try the whole loop on a few frames\n"
        f"  make run CONFIG={path}     # run it; make status CONFIG={path} shows how it stands"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
