"""Charts as Vega-Lite specifications: one function a file, from outcomes to a dict."""
