"""Machines that many share: scenarios of platforms, each in a package of its own."""
