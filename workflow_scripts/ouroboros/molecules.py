"""Molecules by name or file, without any quantum-chemistry code: the check of the config uses this."""

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms

# everyday name -> name in ASE's g2 set (Curtiss et al., J. Chem. Phys. 1997, 106, 1063)
EVERYDAY = {
    "acetaldehyde": "CH3CHO",
    "acetamide": "CH3CONH2",
    "acetic acid": "CH3COOH",
    "acetone": "CH3COCH3",
    "acetonitrile": "CH3CN",
    "acetylene": "C2H2",
    "ammonia": "NH3",
    "benzene": "C6H6",
    "butane": "trans-butane",
    "carbon dioxide": "CO2",
    "carbon monoxide": "CO",
    "cyclopropane": "C3H6_D3h",
    "dimethyl ether": "CH3OCH3",
    "dimethyl sulfoxide": "C2H6SO",
    "ethane": "C2H6",
    "ethanol": "CH3CH2OH",
    "ethylene": "C2H4",
    "formaldehyde": "H2CO",
    "formic acid": "HCOOH",
    "furan": "C4H4O",
    "glyoxal": "OCHCHO",
    "hydrazine": "N2H4",
    "hydrogen cyanide": "HCN",
    "hydrogen peroxide": "H2O2",
    "isopropanol": "C2H6CHOH",
    "methane": "CH4",
    "methanol": "CH3OH",
    "methyl formate": "HCOOCH3",
    "methylamine": "H3CNH2",
    "nitromethane": "CH3NO2",
    "oxirane": "CH2OCH2",
    "propane": "C3H8",
    "propene": "C3H6_Cs",
    "pyridine": "C5H5N",
    "pyrrole": "C4H4NH",
    "thiophene": "C4H4S",
    "water": "H2O",
}


def resolve_molecule(name: str) -> "Atoms":
    """The structure that `name` stands for.

    Args:
        name: a name of `ase.build.molecule`, in its exact spelling ("CH3CH2OH"); an everyday name in any spelling
            ("Ethanol"); or a path to a file that ASE reads, of which the last frame counts.

    Raises:
        ValueError: there is no such molecule or file, or the file cannot be read; one sentence with close matches.
    """
    import ase.io
    from ase.build import molecule
    from ase.build.molecule import extra
    from ase.collections import g2

    known = [*g2.names, *extra]
    everyday = EVERYDAY.get(name.strip().lower().replace("_", " "))
    if name in known or everyday:
        return molecule(name if name in known else everyday)
    path = Path(name)
    if path.is_file():
        try:
            return next(ase.io.iread(path, index=-1))
        except Exception as error:  # ASE's readers raise whatever they stumble over
            raise ValueError(
                f"molecule {name!r} is a file that ASE cannot read as a structure ({error}): "
                "give an xyz, extxyz, cif or POSCAR file"
            ) from error
    if "/" in name or path.suffix:
        raise ValueError(f"molecule {name!r} looks like a file, but there is none at that path: check the path")
    return _unknown(name, known)


def _unknown(name: str, known: list[str]) -> "Atoms":
    spellings = {each.lower(): each for each in [*known, *EVERYDAY]}
    close = [spellings[match] for match in get_close_matches(name.lower(), spellings, n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(close)}?" if close else "give a structure file instead."
    raise ValueError(f"molecule {name!r} is neither in ASE's list of molecules nor an everyday name: {hint}")
