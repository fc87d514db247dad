"""h2scale: does scale teach a neural potential physics?"""

from typing import Any

__all__ = ["list_remedies", "load_remedy", "load_replica"]


def __getattr__(name: str) -> Any:
    # `import h2scale` stays quick: JAX, Orbax and PySCF are imported when a replica or a remedy is asked for.
    if name == "load_replica":
        from h2scale.evaluation.replica import load_replica

        return load_replica
    if name in ("load_remedy", "list_remedies"):
        from h2scale.remedies import remedy

        return getattr(remedy, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
