"""How fast, how heavy: the archiver beside a bare loop and beside blinkpy, against the simulator."""
