"""School calendars as data, and the look-up tables that count days on them."""
