"""Contract suites that every plug-in sits, shipped so that outside plug-ins sit the same exam."""
