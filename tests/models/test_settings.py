"""Wrong settings are refused by name, value and remedy."""

import model_cases
import pytest


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("name", "mace", "model.name must be one of nequip, schnet; got 'mace'"),
        ("prior", "morse", "model.prior must be one of none, zbl, coulomb; got 'morse'"),
        ("conditioning", "charge", "model.conditioning must be one of none, charge_spin, spin; got 'charge'"),
        ("convolution", "slow", "model.convolution must be one of fast, e3nn; got 'slow'"),
        ("cutoff", -1.0, "model.cutoff must be positive, in angstrom; got -1.0"),
        ("cutoff", float("inf"), "model.cutoff must be positive, in angstrom; got inf"),
        ("cutoff", "5", "model.cutoff must be positive, in angstrom; got '5'"),
        ("energy_scale", 0.0, "model.energy_scale must be positive, in eV; got 0.0"),
        ("avg_num_neighbors", float("nan"), "model.avg_num_neighbors must be positive, edges per atom; got nan"),
        ("l_max", 4, "model.l_max must be an integer from 0 to 3; got 4"),
        ("l_max", -1, "model.l_max must be an integer from 0 to 3; got -1"),
        ("num_layers", 0, "model.num_layers must be an integer of at least 1; got 0"),
        ("num_features", 2.5, "model.num_features must be an integer of at least 1; got 2.5"),
        ("num_radial", True, "model.num_radial must be an integer of at least 1; got True"),
        ("envelope_power", 1, "model.envelope_power must be an integer of at least 2; got 1"),
        ("radial_hidden", [8], r"model.radial_hidden must be a tuple of positive integers .*; got \[8\]"),
        ("species", (1, 1), r"model.species must list at least one atomic number, each once; got \(1, 1\)"),
        ("species", (), r"model.species must list at least one atomic number, each once; got \(\)"),
        ("species", (1, 0), r"model.species must be a tuple of positive integers .*; got \(1, 0\)"),
    ],
)
def test_wrong_values_are_refused(setting, value, message):
    with pytest.raises(ValueError, match=message):
        model_cases.make_settings(**{setting: value})


def test_schnet_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match=r"model.l_max must be 0 for schnet.*got 1"):
        model_cases.make_settings(name="schnet", l_max=1)
    with pytest.raises(ValueError, match=r"model.num_radial must be at least 2 for schnet; got 1"):
        model_cases.make_settings(name="schnet", l_max=0, num_radial=1)
