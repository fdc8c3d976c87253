"""Bulk export: clips and what the catalog knows of them, in a form that stands without the program."""
