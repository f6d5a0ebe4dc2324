"""Programs that show how parts of evenly are adopted together."""
