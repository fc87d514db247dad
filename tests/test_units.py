"""Constants that follow from the exact ones of the SI are computed here from those."""

import pytest

from h2scale import units

AVOGADRO = 6.02214076e23
ELEMENTARY_CHARGE = 1.602176634e-19


def test_kcal_per_mol_is_the_thermochemical_calorie():
    assert units.KCAL_PER_MOL_EV == pytest.approx(4.184e3 / AVOGADRO / ELEMENTARY_CHARGE, rel=1e-14)
    assert units.HARTREE_EV / units.KCAL_PER_MOL_EV == pytest.approx(627.5094740631, rel=1e-10)  # CODATA 2018
