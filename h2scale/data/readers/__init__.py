"""Readers of foreign formats into `h2scale.types.Structure`; `read` is the door to all of them."""

from h2scale.data.readers.door import FORMATS as FORMATS
from h2scale.data.readers.door import Reading as Reading
from h2scale.data.readers.door import read as read
