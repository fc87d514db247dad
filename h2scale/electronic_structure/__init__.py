"""Electronic structure by PySCF, which no other package imports: integrals, fields, coupled cluster, full CI.

In hartree and bohr. What labels need is imported by module: `kohn_sham`, `stability` and `starts`. PySCF is
imported inside the functions, so that importing the package never waits for it. Coordinates are always handed over in
bohr: PySCF carries the CODATA 2010 value, `units.py` that of 2018.
"""

from h2scale.electronic_structure.cluster_features import Description, describe, describe_with_amplitudes
from h2scale.electronic_structure.coupled_cluster import ccsd_t_energy
from h2scale.electronic_structure.fields import Solution
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
from h2scale.electronic_structure.mean_fields import mean_field, mean_field_forces
from h2scale.electronic_structure.molecules import (
    Molecule,
    check_distinct,
    check_electrons,
    make_molecule,
    nuclear_charges,
    one_thread,
    version,
)
from h2scale.electronic_structure.search import lowest_field
from h2scale.electronic_structure.starts import mixed, opposed_atoms, separated_atoms

__all__ = (
    "IRREPS",
    "LINEAR_DEPENDENCY_THRESHOLD",
    "MAX_DETERMINANTS",
    "ActiveSpace",
    "Description",
    "Integrals",
    "Molecule",
    "Solution",
    "active_space",
    "ccsd_t_energy",
    "check_distinct",
    "check_electrons",
    "describe",
    "describe_with_amplitudes",
    "integrals",
    "lowest_by_irrep",
    "lowest_field",
    "make_molecule",
    "mean_field",
    "mean_field_forces",
    "mixed",
    "nuclear_charges",
    "one_thread",
    "opposed_atoms",
    "separated_atoms",
    "two_in_two",
    "version",
)
