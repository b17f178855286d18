"""Impairments: what a participant's network does to their media on purpose. No I/O here: time and chance are injected.

A *kind* of impairment is one file: a struct of its parameters, its behaviour, one registration line. Each one set makes
a *hop* for each direction it is meant for (up: from the participant to the emulator, down: to the participant). The
hops of a participant, in the order in which they were set, are their *line*, which all their connections share.

To add a kind, write such a file here, name it in `base.MEDIA`, and give it a twin test that asserts the measured
effect:

    @MEDIA.kind("loss")                                        # the word in an impairment's `kind`
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Loss(Impairment):
        \"\"\"Lose some of the datagrams.\"\"\"                     # the summary at /_emulator/impairments/kinds

        p: Annotated[float, Number(0, 1, "how likely")]        # a parameter: its type and its shape

        def begin(self, hop: Hop) -> Carry:                    # once per direction: state lives in the closure
            def carry(datagram: Datagram) -> None:
                if hop.rng.random() < self.p:
                    hop.drop(datagram)
                else:
                    hop.forward(datagram)                      # or `hop.hold(datagram, until)`

            return carry
"""

from emulator.media.impairments.base import MEDIA, Impairment
from emulator.media.impairments.book import MAX_IMPAIRMENTS, ImpairmentBook
from emulator.media.impairments.document import describe, schema
from emulator.media.impairments.errors import TooManyImpairments, UnknownImpairment
from emulator.media.impairments.line import ActiveImpairment

__all__ = [
    "MAX_IMPAIRMENTS",
    "MEDIA",
    "ActiveImpairment",
    "Impairment",
    "ImpairmentBook",
    "TooManyImpairments",
    "UnknownImpairment",
    "describe",
    "schema",
]
