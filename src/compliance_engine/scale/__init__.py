"""Beyond one database: case histories in partitions, evaluated wherever there is room."""
