"""h2scale: does scale teach a neural potential physics?"""

from typing import Any

__all__ = ["load_replica"]


def __getattr__(name: str) -> Any:
    # `import h2scale` stays quick: JAX and Orbax are imported when a replica is asked for.
    if name == "load_replica":
        from h2scale.evaluation.replica import load_replica

        return load_replica
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
