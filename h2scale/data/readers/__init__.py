"""Readers of foreign formats into `h2scale.types.Structure`, all of them called by `read`."""

from h2scale.data.readers.formats import FORMATS as FORMATS
from h2scale.data.readers.formats import Reading as Reading
from h2scale.data.readers.formats import Zero as Zero
from h2scale.data.readers.formats import asked_for as asked_for
from h2scale.data.readers.formats import read as read
from h2scale.data.readers.formats import zero_of_files as zero_of_files
from h2scale.data.readers.formats import zero_sums as zero_sums
