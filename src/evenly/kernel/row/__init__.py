"""The kernel of a row of servers under one power budget, in compiled code; imported when a row runs."""
