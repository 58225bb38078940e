"""Keys of molecular dynamics that cannot work together are refused before anything runs, in one sentence."""

import pytest

from ouroboros.config import ConfigError, load_experiment


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"exploration": {"ensemble": "npt"}}, ["'exploration.ensemble' is npt", "isolated molecules"]),
        ({"simulation": {"ensemble": "npt"}}, ["'simulation.ensemble' is npt", "isolated molecules"]),
        ({"exploration": {"ensemble": "nve", "ramp_to_K": 900.0}}, ["'exploration.ramp_to_K' is 900", "thermostat"]),
        ({"exploration": {"ensemble": "nve", "bias": 0.1}}, ["'exploration.bias' is 0.1", "nve"]),
        (
            {"exploration": {"bias": 0.1}, "committee": {"size": 1}, "rounds": {"strategies": ["random"]}},
            ["'exploration.bias' is 0.1", "committee of one"],
        ),
        (
            {"exploration": {"ensemble": "v_rescale", "thermostat_time_fs": 2.0}},
            ["'exploration.thermostat_time_fs' is 2", "ten time steps"],
        ),
        ({"simulation": {"velocities_every_fs": 0.4}}, ["'simulation.velocities_every_fs' is 0.4", "0.5 fs"]),
        ({"exploration": {"stride_fs": 7.3}}, ["'exploration.stride_fs' is 7.3", "whole number of time steps"]),
        ({"exploration": {"length_ps": 0.001}}, ["'exploration.length_ps' is 0.001", "no frame would be kept"]),
        ({"exploration": {"grace_steps": 1000}}, ["'exploration.grace_steps' is 1000", "1000 steps", "lower it"]),
        (
            {"analysis": {"timestep_scan": {"timesteps_fs": [0.5, 1.0, 0.5]}}},
            ["'analysis.timestep_scan.timesteps_fs' holds 0.5 more than once"],
        ),
        (
            {"analysis": {"timestep_scan": {"timesteps_fs": [0.5, 4.0], "length_ps": 0.05}}},
            ["'analysis.timestep_scan.length_ps' is 0.05", "4 fs", "at least 0.08"],
        ),
        ({"simulation": {"steps": 100}}, ["'simulation.steps' is 100", "fewer than 20 frames"]),
    ],
)
def test_what_cannot_work_together_is_refused(config, words):
    with pytest.raises(ConfigError) as refused:
        load_experiment({"name": "x", **config})
    sentences = [line for line in str(refused.value).splitlines() if all(word in line for word in words)]
    assert sentences, str(refused.value)


@pytest.mark.parametrize("ensemble", ["langevin", "nose_hoover", "v_rescale"])
def test_every_thermostat_goes_with_a_ramp_and_a_bias(ensemble):
    exploration = {"ensemble": ensemble, "ramp_to_K": 900.0, "bias": 0.1}
    assert load_experiment({"name": "x", "exploration": exploration})["exploration"]["ensemble"] == ensemble


def test_the_defaults_of_the_production_run():
    """Constant energy by velocity Verlet, 0.5 fs, 10,000 steps, 300 K, a frame every 10 steps."""
    simulation = load_experiment({"name": "x"})["simulation"]
    expected = {"ensemble": "nve", "timestep_fs": 0.5, "steps": 10000, "temperature_K": 300.0, "stride": 10}
    assert {name: simulation[name] for name in expected} == expected
    assert simulation["velocities_every_fs"] <= 2.5, "an O-H bond vibrates at 3,600 cm⁻¹"
