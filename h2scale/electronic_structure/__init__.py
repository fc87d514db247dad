"""The one door to PySCF: integrals, mean fields, coupled cluster and labels of small molecules, in hartree and bohr.

PySCF is imported inside the functions, so that importing the package never waits for it. Coordinates are always
handed over in bohr: PySCF carries the CODATA 2010 value, `units.py` that of 2018.
"""

from h2scale.electronic_structure.full_ci import (
    IRREPS,
    LINEAR_DEPENDENCY_THRESHOLD,
    MAX_DETERMINANTS,
    ActiveSpace,
    Integrals,
    active_space,
    integrals,
    lowest_by_irrep,
    two_in_two,
)
from h2scale.electronic_structure.mean_fields import (
    MeanField,
    coupled_cluster,
    energy_and_forces,
    mean_field,
    mean_field_forces,
    opposed_atoms,
    separated_atoms,
)
from h2scale.electronic_structure.molecules import (
    check_distinct,
    check_electrons,
    make_molecule,
    nuclear_charges,
    one_thread,
    version,
)

__all__ = (
    "IRREPS",
    "LINEAR_DEPENDENCY_THRESHOLD",
    "MAX_DETERMINANTS",
    "ActiveSpace",
    "Integrals",
    "MeanField",
    "active_space",
    "check_distinct",
    "check_electrons",
    "coupled_cluster",
    "energy_and_forces",
    "integrals",
    "lowest_by_irrep",
    "make_molecule",
    "mean_field",
    "mean_field_forces",
    "nuclear_charges",
    "one_thread",
    "opposed_atoms",
    "separated_atoms",
    "two_in_two",
    "version",
)
