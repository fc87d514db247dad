"""Calculators that can be examined: exact ones, PySCF's, trained replicas, and adapters of other packages."""
