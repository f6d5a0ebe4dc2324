"""BERT without padding: all tokens of a batch in one row, attention in groups of sequences of like length.

`packed` lays a batch out, `attention` computes it group by group, `bert` runs the weights of a Hugging Face model on it,
and `exchange` deals the sequences of all ranks anew, so that ranks have alike many tokens.
"""
