"""One long sequence on several ranks: the domain of the scenario kind `context`.

The room `layouts` says which tokens each rank holds, what it computes in each step and what it sends.
"""
