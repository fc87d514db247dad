"""Errors that a user can mend, and results that are not whole: shown as one line, without a traceback."""


class InputError(ValueError):
    """A setting, file or folder cannot be used; the message names it, what arrived and what would be right."""


class IncompleteError(RuntimeError):
    """A run has written its results, but some of them say only why there is no number; the message says where."""
