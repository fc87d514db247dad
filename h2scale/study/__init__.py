"""The scaling study from settings to table: replicas, planning, preparation, training, rows."""
