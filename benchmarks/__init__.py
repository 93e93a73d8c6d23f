"""What measures more than `tgc bench` does: on a GPU, and over a run that is killed and resumed."""
