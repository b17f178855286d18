"""Wire formats as dataclasses: parse and serialise, nothing else."""
