"""Constants that follow from the exact ones of the SI are computed here from those."""

import pytest

from h2scale import units

AVOGADRO = 6.02214076e23
ELEMENTARY_CHARGE = 1.602176634e-19


def test_kcal_per_mol_is_the_thermochemical_calorie():
    assert pytest.approx(4.184e3 / AVOGADRO / ELEMENTARY_CHARGE, rel=1e-14) == units.KCAL_PER_MOL_EV
    assert pytest.approx(627.5094740631, rel=1e-10) == units.HARTREE_EV / units.KCAL_PER_MOL_EV  # CODATA 2018
