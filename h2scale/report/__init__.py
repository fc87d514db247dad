"""Tables, figures, verdicts and the page that shows them."""
