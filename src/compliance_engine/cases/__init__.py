"""Case histories: the event catalogue, imports, synthetic districts and the columns the engine reads."""
