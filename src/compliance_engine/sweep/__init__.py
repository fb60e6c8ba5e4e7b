"""Sweeps: every case of a store evaluated and judged as of a day, district by district."""
