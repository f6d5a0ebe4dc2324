"""Orders of passes that really run: in `torch.distributed.pipelining`, and with a vocabulary on all stages."""
