"""Ways in which charge and spin are passed to a calculator; `worker` follows them."""

from h2scale.errors import InputError

WAYS = ("info:KEY", "argument:NAME", "method:NAME", "initial_charges", "initial_magmoms", "none")


def check(way: str, what: str) -> None:
    """Raise InputError unless a way is one of those there are.

    Args:
        way: as the registry, the settings or `exam.examine` have it.
        what: where it stands, for the message.
    """
    place, _, name = way.partition(":")
    if way not in ("none", "initial_charges", "initial_magmoms") and not (
        place in ("info", "argument", "method") and name
    ):
        raise InputError(f"{what} must be one of {', '.join(WAYS)}; got {way!r}.")
