"""What is held constant: torch-sim's integrators by name, at the degrees of freedom that the walkers really have.

torch-sim counts 3N - 3 for its thermostats that rescale velocities. A molecule without rotation has 3N - 6, and neither
rescaling nor forces give it any: at torch-sim's count water would run at twice its temperature, ethanol 14 % too hot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
import torch_sim as ts
from ase import Atoms, units
from torch_sim.integrators import (
    MDState,
    NVTNoseHooverState,
    npt_crescale_init,
    npt_crescale_isotropic_step,
    nve_init,
    nve_step,
    nvt_langevin_init,
    nvt_langevin_step,
    nvt_nose_hoover_init,
    nvt_nose_hoover_step,
    nvt_vrescale_init,
    nvt_vrescale_step,
)
from torch_sim.integrators.md import construct_nose_hoover_chain
from torch_sim.integrators.npt import NPTCRescaleState
from torch_sim.integrators.nvt import NVTVRescaleState
from torch_sim.models.interface import ModelInterface

from .. import torchsim_model
from ..ensemble_checks import refuse_mixed_periodicity, refuse_structures
from ..velocities import degrees_of_freedom
from . import bias

PER_SYSTEM = torchsim_model.PER_SYSTEM + bias.PER_SYSTEM
POSITIVE = ("friction_per_ps", "thermostat_time_fs", "barostat_time_fs", "compressibility_per_GPa")
CHAIN = {"chain_length": 3, "chain_steps": 3, "sy_steps": 3}  # Martyna et al., Mol. Phys. 87, 1117 (1996)


class _Rescaled(NVTVRescaleState):
    """Velocity rescaling at the walkers' own degrees of freedom."""

    def get_number_of_degrees_of_freedom(self) -> torch.Tensor:
        return self.freedom


class _Chained(NVTNoseHooverState):
    """Nosé-Hoover chains at the walkers' own degrees of freedom."""

    def get_number_of_degrees_of_freedom(self) -> torch.Tensor:
        return self.freedom


_STATES: dict[str, type[MDState]] = {
    "nve": MDState,
    "langevin": MDState,
    "nose_hoover": _Chained,
    "v_rescale": _Rescaled,
    "npt": NPTCRescaleState,
}


@dataclass(frozen=True)
class Ensemble:
    """One of torch-sim's integrators with its settings.

    Attributes:
        name: nve: velocity Verlet; langevin: BAOAB; nose_hoover: chains of three; v_rescale: Bussi, Donadio and
            Parrinello, J. Chem. Phys. 126, 014101 (2007); npt: isotropic cell rescaling, Bernetti and Bussi, J. Chem.
            Phys. 153, 114107 (2020), with v_rescale for a thermostat.
        friction_per_ps: of langevin, 1/ps.
        thermostat_time_fs: relaxation time of the other thermostats, fs.
        pressure_GPa: target of npt.
        barostat_time_fs: relaxation time of its cell, fs, where the compressibility is right.
        compressibility_per_GPa: isothermal, 1/GPa; water 0.45, copper 0.007. An estimate changes the speed alone.
    """

    name: Literal["nve", "langevin", "nose_hoover", "v_rescale", "npt"] = "nve"
    friction_per_ps: float = 10.0
    thermostat_time_fs: float = 100.0
    pressure_GPa: float = 0.0
    barostat_time_fs: float = 1000.0
    compressibility_per_GPa: float = 0.01

    def __post_init__(self) -> None:
        """Refuse what no integrator can run.

        Raises:
            ValueError: an unknown name, or a friction, time or compressibility that is not above zero.
        """
        if self.name not in _STATES:
            raise ValueError(f"ensemble {self.name!r} is unknown; use one of {', '.join(_STATES)}")
        for name in POSITIVE:
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} of an ensemble is {getattr(self, name)!r}; it has to be above zero")

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "Ensemble":
        """From the section `exploration` or `simulation` of a config."""
        names = {field.name for field in fields(cls)} - {"name"}
        return cls(settings["ensemble"], **{name: settings[name] for name in names})

    @property
    def cell_moves(self) -> bool:
        """Whether the cell is part of the motion."""
        return self.name == "npt"

    def degrees_of_freedom(self, atoms: Atoms) -> int:
        """By which the kinetic temperature is told: all of them where noise drives every atom, overall motion too."""
        return 3 * len(atoms) if self.name == "langevin" else degrees_of_freedom(atoms)

    def check(self, starts: Sequence[Atoms], has_stress: bool) -> None:
        """Refuse structures that cannot be moved this way.

        Raises:
            ValueError: as `refuse_mixed_periodicity` and `refuse_structures`; or a committee that does not evaluate the
                stress at constant pressure.
        """
        refuse_mixed_periodicity(starts)
        refuse_structures(self.name, starts)
        if self.cell_moves and not has_stress:
            raise ValueError("ensemble npt needs the stress; load the committee with stress=True")

    def start(
        self, state: ts.SimState, model: ModelInterface, kT: torch.Tensor, dt: float, freedom: Sequence[int]
    ) -> MDState:
        """The state before the first step; its momenta are set already.

        Args:
            state: systems with momenta.
            model: evaluated once.
            kT: (n_systems,) eV.
            dt: time step in ASE's unit.
            freedom: (n_systems,) degrees of freedom.
        """
        return _filed(self._start(state, model, kT, dt, freedom))

    def step(self, state: Any, model: ModelInterface, kT: torch.Tensor, dt: float) -> Any:
        """The state one time step `dt` (ASE's unit) later; the arguments are those of `start`."""
        return _filed(self._step(state, model, kT, dt))

    def _start(
        self, state: ts.SimState, model: ModelInterface, kT: torch.Tensor, dt: float, freedom: Sequence[int]
    ) -> MDState:
        tau = self.thermostat_time_fs * units.fs
        if self.name == "nve":
            return nve_init(state, model, kT=kT)
        if self.name == "langevin":
            return nvt_langevin_init(state, model, kT=kT)
        if self.name == "npt":
            return npt_crescale_init(
                state,
                model,
                kT=kT,
                dt=dt,
                tau_p=self.barostat_time_fs * units.fs,
                isothermal_compressibility=self.compressibility_per_GPa / units.GPa,
            )
        counts = torch.tensor(freedom, device=state.device, dtype=state.dtype)
        if self.name == "v_rescale":
            rescaled = _Rescaled.from_state(nvt_vrescale_init(state, model, kT=kT))
            rescaled.system_extras["freedom"] = counts
            return rescaled
        chained = _Chained.from_state(nvt_nose_hoover_init(state, model, kT=kT, dt=dt, tau=tau, **CHAIN))
        chained.system_extras["freedom"] = chained.chain.degrees_of_freedom = counts
        return chained

    def _step(self, state: Any, model: ModelInterface, kT: torch.Tensor, dt: float) -> Any:
        tau = self.thermostat_time_fs * units.fs
        if self.name == "nve":
            return nve_step(state, model, dt=dt)
        if self.name == "langevin":
            return nvt_langevin_step(state, model, dt=dt, kT=kT, gamma=self.friction_per_ps / (1000 * units.fs))
        if self.name == "npt":
            pressure = self.pressure_GPa * units.GPa
            return npt_crescale_isotropic_step(state, model, dt=dt, kT=kT, external_pressure=pressure, tau=tau)
        if self.name == "v_rescale":
            return nvt_vrescale_step(state=state, model=model, dt=dt, kT=kT, tau=tau)
        return nvt_nose_hoover_step(state, model, dt=dt, kT=kT)

    def dump(self, state: MDState) -> dict[str, Any]:
        """All that tells the state, as tensors and plain values."""
        content = {name: value for name, value in state.attributes.items() if name not in ("_rng", "_chain_fns")}
        if "chain" in content:
            chain = content["chain"]
            content["chain"] = {field.name: getattr(chain, field.name) for field in fields(chain)}
        return {**content, "rng": state.rng.get_state()}

    def restore(self, content: dict[str, Any], dt: float) -> MDState:
        """The state that `dump` told."""
        content = dict(content)
        rng_state = content.pop("rng")
        if "chain" in content:
            chain = content.pop("chain")
            chained = construct_nose_hoover_chain(dt, tau=self.thermostat_time_fs * units.fs, **CHAIN)
            made = chained.initialize(chain["degrees_of_freedom"], chain["kinetic_energy"], chain["tau"])
            content |= {"chain": replace(made, **chain), "_chain_fns": chained}
        state = _STATES[self.name](**content)
        state.rng = torch.Generator(device=state.device)
        state.rng.set_state(rng_state)
        return state


def _filed(state: Any) -> Any:
    """The state, with what the model says of systems filed so: of lone atoms torch-sim takes it to be of atoms."""
    for name in PER_SYSTEM:
        if name in state.atom_extras:
            state.system_extras[name] = state.atom_extras.pop(name)
    return state


def take(state: MDState, systems: Sequence[int]) -> MDState:
    """The state of these systems alone; the thermostat's chains, which torch-sim does not slice, go with them."""
    taken = state[list(systems)]
    taken.rng = state.rng
    if isinstance(state, NVTNoseHooverState):
        index = torch.tensor(list(systems), device=state.device)
        taken.chain = _of_chain(lambda name: getattr(state.chain, name)[index], state.chain)
    return taken


def join(state: MDState, newcomers: MDState) -> MDState:
    """Both states in one, the newcomers last; the random stream is that of the first."""
    joined = ts.concatenate_states([state, newcomers])
    joined.rng = state.rng
    if isinstance(state, NVTNoseHooverState):
        joined.chain = _of_chain(
            lambda name: torch.cat([getattr(state.chain, name), getattr(newcomers.chain, name)]), state.chain
        )
    return joined


def _of_chain(values: Any, chain: Any) -> Any:
    return replace(chain, **{field.name: values(field.name) for field in fields(chain) if field.name != "system_idx"})


def langevin(friction_per_ps: float) -> Ensemble:
    """Langevin dynamics with this friction."""
    return Ensemble("langevin", friction_per_ps=friction_per_ps)


NVE = Ensemble()
