"""Experts that do not all fit on the device: the domain of the scenario kind `offload`.

Rooms: `schedulers` divide the experts of a layer between CPU and device, `caches` say which experts stay on the device,
`prefetches` what the idle link brings, `routings` which experts are asked for.
"""
