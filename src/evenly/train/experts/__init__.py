"""Experts of a layer and who gets how many tokens: the domain of the scenario kind `experts`.

Rooms: `affinities` say how well tokens and experts suit each other, `assignments` send tokens to experts, `balancers`
move the prices that even out the loads. `lagrangian`, `oracle` and `regret` measure how good prices are.
"""
