"""The same policies in engines that really run."""
