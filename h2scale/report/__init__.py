"""Tables, figures, verdicts and the page that shows them."""

import logging

# A first run builds Matplotlib's font cache and warns that this takes a moment; a user can do nothing about it.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
