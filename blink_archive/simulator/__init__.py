"""A Blink cloud on loopback, for tests, demonstrations and other people's clients.

It imports nothing else of this package, so that it cannot share a parser's mistake.
"""

from blink_archive.simulator.cloud import Cloud
from blink_archive.simulator.faults import Fault, Faults
from blink_archive.simulator.server import Request, Simulator, run
from blink_archive.simulator.settings import Settings

__all__ = ["Cloud", "Fault", "Faults", "Request", "Settings", "Simulator", "run"]
