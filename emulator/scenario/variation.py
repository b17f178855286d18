"""Members of a crowd differ: names, places, numbers, drawn for each from the seed and the member's name."""

from __future__ import annotations

import importlib
import json
from typing import Any

from emulator.scenario import draws
from emulator.scenario.cast import Participant, group_of
from emulator.scenario.errors import StageError

VARIATIONS = (
    "name",
    "first_name",
    "last_name",
    "user_name",
    "email",
    "phone_number",
    "city",
    "country",
    "company",
    "job",
    "color_name",
    "sentence",
    "uuid4",
)
"""What Faker calls them."""
DEFAULT = {"username": "name"}
LOCALE = "en_US"


def context_of(who: Participant, seed: int) -> str | None:
    """The text that somebody gives at joining: for a member of a group with what varies in it.

    A member without any context has a name all the same. Raises StageError when Faker is not there.
    """
    vary = dict(who.vary) or (DEFAULT if who.context is None else {})
    if group_of(who.name) == who.name or not vary:
        return who.context
    context: Any = {} if who.context is None else json.loads(who.context)
    faker = _faker(draws.generator(seed, who.name, "variation").getrandbits(64))
    drawn = {key: str(getattr(faker, kind)()) for key, kind in vary.items()}
    return json.dumps({**context, **drawn}, ensure_ascii=False, separators=(",", ":"))


def _faker(seed: int) -> Any:
    """Loaded when somebody of a crowd joins, and for nobody else."""
    try:
        module = importlib.import_module("faker")
    except ModuleNotFoundError as error:
        raise StageError("crowds draw their names with the package faker, which is not installed") from error
    faker = module.Faker(LOCALE)
    faker.seed_instance(seed)
    return faker
