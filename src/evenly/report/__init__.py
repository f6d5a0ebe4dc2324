"""Charts, tables and self-contained pages."""
