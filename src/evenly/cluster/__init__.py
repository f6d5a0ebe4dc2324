"""Machines that many share: scenarios of a platform of functions and of a row of servers, each in a package."""
