"""What every stage needs of the machine: files, tables, workdirs, progress, devices, clusters."""
