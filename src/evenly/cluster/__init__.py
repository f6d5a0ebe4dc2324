"""Clusters beyond one engine: what many machines share, one package a resource."""
