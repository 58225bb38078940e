"""Functions of the analysis, and of the targets that look closer at one round: time-step scan, vibrations."""


def production_run():
    """What the analysis has to know of the production run."""
    keys = ("ensemble", "temperature_K", "friction_per_ps", "pressure_GPa", "walkers", "steps", "stride", "timestep_fs")
    return {key: config["simulation"][key] for key in keys}


def what_stops_a_walker():
    """The limits of the production run."""
    keys = ("closest_contact", "max_temperature_factor", "max_energy_jump_eV", "stop_at_bond_change")
    return {key: config["simulation"][key] for key in keys}


def of_the_last_round(name):
    """An input function: the file of the first arm's last round, so far as decisions are known."""

    def file(wildcards):
        return f"{computed_in(ARMS[0], final_round(ARMS[0]))}/{name}"

    return file


def finite_differences():
    """How harmonic frequencies are found, by oracle and committee alike."""
    keys = ("displacement_A", "force_tolerance_eV_per_A")
    return {key: config["analysis"]["vibrations"][key] for key in keys}


def minutes_of_oracle_md():
    """What a cluster is asked for: the hours that the oracle may take by the estimate, half as much again, and one."""
    return round(60 * (1.5 * config["analysis"]["vibrations"]["oracle_hours"] + 1))


def exact_oracle(wildcards):
    """An input function: what an oracle reads that can be asked about any structure, as vibrations need it."""
    if POOL:
        refuse_config(
            "Config key 'oracle.kind' is 'pool', which knows the labels of its own frames alone; the target vibrations "
            "needs an oracle that computes, such as xtb."
        )
    return teacher()
