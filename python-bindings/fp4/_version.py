"""The version of the package; it equals that of libFP4.so."""

__version__ = "0.1.0"
