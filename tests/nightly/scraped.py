"""A file for Prometheus, as its own parser reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def scraped(text: str, *, archive: str) -> dict[str, float]:
    """The figures by name, and the label ``state`` where they have one. Each family has its help and type,
    and each sample the ``archive`` as its label."""
    found: dict[str, float] = {}
    assert text.endswith("\n")
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".")
        assert family.type == "gauge"
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("archive") == archive
            state = labels.pop("state", None)
            assert not labels
            name = sample.name if state is None else f"{sample.name}{{state={state}}}"
            assert name not in found
            found[name] = sample.value
    return found
