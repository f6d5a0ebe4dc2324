"""Where work comes from: readers of public trace formats, arrival and length laws."""
