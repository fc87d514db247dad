"""Errors that a user can mend: shown as one line, without a traceback."""


class InputError(ValueError):
    """A setting, file or folder cannot be used; the message names it, what arrived and what would be right."""
