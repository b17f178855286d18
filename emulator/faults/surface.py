"""Where faults can happen, and the kinds of faults there: a surface is the registry of its kinds."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

from emulator.faults.errors import BadFault, below, misspelt, shown
from emulator.faults.values import Json, Shape

Facts = Mapping[str, str | tuple[str, ...] | None]
"""What is known of one request, delivery or frame. A tuple: any of these may match; None or absent: nothing does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Base of all faults: a frozen dataclass of its parameters; a surface's own base adds what they can do there."""

    final: ClassVar[bool] = False
    """It decides the outcome alone: where it fires, no later rule is asked, nor counted."""

    def applies(self, facts: Facts) -> bool:
        """Whether it makes sense there at all; where not, the rule is no match, whatever it says."""
        return True


FaultT = TypeVar("FaultT", bound=Fault)
KindT = TypeVar("KindT", bound=Fault)


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: its word, and how its parameters are read and described."""

    word: str
    fault: type[Fault]
    shapes: Mapping[str, Shape]
    required: frozenset[str]

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring."""
        return " ".join(inspect.cleandoc(self.fault.__doc__ or "").partition("\n\n")[0].split())

    def read(self, pointer: str, parameters: Any) -> Fault:
        """Raises BadFault. `null` stands for the default, as leaving out does."""
        read = read_members(pointer, parameters, self.shapes, self.required, "a parameter")
        try:
            return self.fault(**read)
        except ValueError as error:  # __post_init__: each is good, but not beside the others
            raise BadFault(pointer, "parameters that go together", str(error)) from error

    def write(self, fault: Fault) -> Json:
        """The parameters as `read` takes them; what is None is left out."""
        values = {name: getattr(fault, name) for name in self.shapes}
        return {name: self.shapes[name].write(value) for name, value in values.items() if value is not None}

    def schema(self) -> Json:
        return {
            "type": "object",
            "properties": {name: shape.schema() for name, shape in self.shapes.items()},
            "required": sorted(self.required),
            "additionalProperties": False,
        }


class Surface(Generic[FaultT]):
    """`base` is what its faults derive from; `facts` are the names that a rule can match on, each with what it is.

    `words` are all that a fact can be, where that is known: what fits none of them is misspelt. `modules` hold its
    kinds. They are imported when somebody first asks for kinds: most emulators never need them.
    """

    def __init__(
        self,
        name: str,
        base: type[FaultT],
        *,
        facts: Mapping[str, str],
        words: Mapping[str, Iterable[str]] = MappingProxyType({}),
        modules: Iterable[str] = (),
    ) -> None:
        self.name = name
        self.base = base
        self.facts = facts
        self.words = {name: tuple(known) for name, known in words.items()}
        self._modules = tuple(modules)
        self._kinds: dict[str, Kind] = {}

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """By their words."""
        waiting, self._modules = self._modules, ()
        for module in waiting:
            importlib.import_module(module)
        return self._kinds

    def kind(self, word: str) -> Callable[[type[KindT]], type[KindT]]:
        """Class decorator: make this dataclass the kind of fault written with this word.

        Each of its fields is annotated with a shape. Raises TypeError or ValueError for a class that can not be one.
        """

        def register(fault: type[KindT]) -> type[KindT]:
            if word in self._kinds:
                raise ValueError(f"two kinds of {self.name} faults are called {word!r}")
            if self.base not in fault.__mro__:
                raise TypeError(f"{fault.__name__} must derive from {self.base.__name__} to be a {self.name} fault")
            self._kinds[word] = _kind(word, fault)
            return fault

        return register


def _kind(word: str, fault: type[Fault]) -> Kind:
    hints = get_type_hints(fault, include_extras=True)
    shapes: dict[str, Shape] = {}
    required = set()
    for field in dataclasses.fields(fault):
        found = [extra for extra in getattr(hints[field.name], "__metadata__", ()) if isinstance(extra, Shape)]
        if len(found) != 1:
            raise TypeError(f"{fault.__name__}.{field.name}: expected Annotated[..., one shape]")
        shapes[field.name] = found[0]
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.add(field.name)
    return Kind(word, fault, shapes, frozenset(required))


def read_members(
    pointer: str, value: Any, shapes: Mapping[str, Shape], required: frozenset[str], what: str
) -> dict[str, Any]:
    """Those members that were sent and are not null, each read by its shape. `what` is such as "a parameter".

    Raises BadFault: no object, an unknown member, a missing one, or what a shape refuses.
    """
    if not isinstance(value, Mapping):
        raise BadFault(pointer, "an object", shown(value))
    for name in value:
        if name not in shapes:
            raise misspelt(below(pointer, str(name)), what, str(name), shapes)
    for name in sorted(required):
        if value.get(name) is None:
            about = shapes[name].schema().get("description")
            raise BadFault(below(pointer, name), f"the required {name}" + (f" ({about})" if about else ""), "nothing")
    return {
        name: shape.read(below(pointer, name), value[name])
        for name, shape in shapes.items()
        if value.get(name) is not None
    }
