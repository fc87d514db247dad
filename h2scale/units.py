"""The constants and conversions of the project.

Values are CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93, 025010, 2021). PySCF and ASE each ship another
edition, so positions are handed to PySCF in bohr and its results are converted here.
"""

HARTREE_EV = 27.211386245988
BOHR_ANGSTROM = 0.529177210903
HARTREE_PER_BOHR_EV_PER_ANGSTROM = HARTREE_EV / BOHR_ANGSTROM
COULOMB_EV_ANGSTROM = HARTREE_EV * BOHR_ANGSTROM
"""Energy of two unit charges one angstrom apart, in eV: 14.3996..."""

KCAL_PER_MOL_EV = 4184 / (6.02214076e23 * 1.602176634e-19)
"""One thermochemical kcal/mol in eV: 4184 J / (Avogadro * e), exact in the 2019 SI."""

HARTREE_PER_CM = 219474.63136320
"""One hartree as a wavenumber, in 1/cm."""

DALTON_ELECTRON_MASS = 1822.888486209
"""One dalton in electron masses."""
