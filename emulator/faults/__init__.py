"""Faults: what goes wrong on purpose, when, and how often. No I/O here; the behaviours live beside their surfaces.

A *rule* joins a fault with a match, a probability, a count and a seed. A *surface* (`rest`, `webhooks`, `signaling`)
has *kinds* of faults; it gathers facts about each request, delivery or frame, asks `draw` what happens, and does it.

To add a fault, write one file in the surface's `faults/` folder, name it where the surface is declared, and give it a
twin test that asserts the measured effect:

    @REST.kind("delay")                                        # the word in a rule's `kind`
    @dataclass(frozen=True, slots=True, kw_only=True)
    class DelayFault(RestFault):                               # the surface's base class says what can be done there
        \"\"\"Hold the answer back.\"\"\"                            # the summary at /_emulator/faults/kinds

        secs: Annotated[Delay, Duration("how long")]           # a parameter: its type and its shape

        async def around(self, exchange, proceed): ...         # what happens; draws come from `exchange.rng`

A surface declares itself once: `REST = Surface("rest", RestFault, facts={"method": "GET, POST, ...", ...})`.
A fault that alone decides the outcome says `final: ClassVar[bool] = True`; no later rule is asked then.
One that makes no sense for some requests or frames says so in `applies(facts)`.
Parameters that contradict each other raise ValueError in `__post_init__`.
"""

from emulator.faults.book import MAX_RULES, FaultBook, Faults
from emulator.faults.catalogue import Catalogue
from emulator.faults.delays import MAX_DELAY_SECS, Delay, Duration
from emulator.faults.errors import BadFault, FaultError, TooManyFaults, UnknownFault
from emulator.faults.rule import Fired, Rule
from emulator.faults.surface import Facts, Fault, Kind, Surface
from emulator.faults.values import Choice, Flag, Integer, Members, Number, Shape, Text

__all__ = [
    "MAX_DELAY_SECS",
    "MAX_RULES",
    "BadFault",
    "Catalogue",
    "Choice",
    "Delay",
    "Duration",
    "Facts",
    "Fault",
    "FaultBook",
    "FaultError",
    "Faults",
    "Fired",
    "Flag",
    "Integer",
    "Kind",
    "Members",
    "Number",
    "Rule",
    "Shape",
    "Surface",
    "Text",
    "TooManyFaults",
    "UnknownFault",
]
