"""Public tables of a function platform: cold starts, requests, functions, series by the minute."""
