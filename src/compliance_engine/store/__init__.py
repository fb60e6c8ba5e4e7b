"""The store: facts that are only ever added to, sweeps, and what they found, with when it held."""
