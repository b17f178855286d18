import uuid

from emulator.scenario import draws


def test_the_same_key_gives_the_same_draw_and_another_key_another() -> None:
    def draw(seed: int, *key: str) -> float:
        return draws.generator(seed, *key).random()

    assert draw(1, "alice", "join") == draw(1, "alice", "join")
    assert (
        len({draw(1, "alice", "join"), draw(2, "alice", "join"), draw(1, "bob", "join"), draw(1, "alice", "leave")})
        == 4
    )


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert draws.generator(1, "a", "bc").random() != draws.generator(1, "ab", "c").random()


def test_draws_stay_the_same_from_release_to_release() -> None:
    assert draws.participant_id(1, "alice") == "1c147bb6-9b39-4508-bfe6-4b02aec57014"


def test_participant_ids_are_version_4_uuids() -> None:
    parsed = uuid.UUID(draws.participant_id(7, "alice"))
    assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)
