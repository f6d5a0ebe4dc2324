"""Jobs of users on a shared cluster: what they are, and readers of the tables that clusters publish."""
