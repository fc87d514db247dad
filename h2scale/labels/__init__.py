"""Making labelled datasets: molecules, geometries, units of work that survive a kill, and the packed result."""
