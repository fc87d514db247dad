"""Files, tables, workdirs, progress, devices and clusters, for every stage."""
