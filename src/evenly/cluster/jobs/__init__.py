"""Jobs of several users on one shared cluster: the domain of the scenario kind `jobs`."""
