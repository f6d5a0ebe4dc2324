"""From the measured passes of a real engine to a cost model: what was measured, the fit, and the file that keeps it."""
