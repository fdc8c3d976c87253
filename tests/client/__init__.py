"""Tests of the conversation with Blink."""
