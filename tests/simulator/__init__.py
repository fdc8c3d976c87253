"""Tests of the simulator: a client by hand, over real HTTP."""
