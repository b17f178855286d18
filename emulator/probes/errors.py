"""Everything the probes refuse.

ProbeError
  CardError   a test card cannot be drawn or read as asked
  ToneError   a tone cannot be made or looked for as asked
"""


class ProbeError(ValueError):
    """Base of all probe errors: the caller asked for something impossible."""


class CardError(ProbeError):
    """A card's identity, size, luma plane or crop is unusable."""


class ToneError(ProbeError):
    """A tone index, level, rate or window is unusable."""
