"""blink-archive: every clip of a Blink account in a dated, hashed, catalogued folder."""

__version__ = "0.1.0"
