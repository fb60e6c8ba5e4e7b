"""The law as data: models, the expression language, loading, and the rulebook in force for a case."""
