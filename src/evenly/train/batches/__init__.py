"""Sequences of every length dealt to ranks and micro-batches: the domain of the scenario kind `batches`.

Rooms: `corpora` say how long the sequences are, `efforts` how long each takes, `dealers` where each is computed.
"""
