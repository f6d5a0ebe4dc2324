"""BERT without padding: all tokens of a batch in one row, attention in groups of sequences of like length.

`packed` lays a batch out, `attention` computes it group by group, and `bert` runs the weights of a Hugging Face model.
`measure` says what that is worth on this machine, `ranks` what it is worth when ranks exchange sequences.
"""
