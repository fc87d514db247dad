"""The scaling study from settings to table: settings, replicas, planning, preparation, training or jobs, rows."""
