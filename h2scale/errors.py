"""Errors that are shown to a user as one line, without a traceback."""


class InputError(ValueError):
    """A setting, file or folder cannot be used; the message names it, what arrived and what would be right."""


class IncompleteError(RuntimeError):
    """A run has written its results, but some of them say only why there is no number; the message says where."""


def require(holds: bool, setting: str, value: object, right: str) -> None:
    """Raise InputError unless a setting holds what it must.

    Args:
        holds: whether it does.
        setting: its dotted name, e.g. `train.steps`.
        value: what arrived.
        right: what would be right, to follow "must be".
    """
    if not holds:
        raise InputError(f"config.{setting} must be {right}; got {value!r}.")
