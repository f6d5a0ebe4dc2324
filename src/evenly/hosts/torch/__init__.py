"""Parts of training that run in PyTorch, each drop-in and each for any device and backend."""
