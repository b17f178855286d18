"""Keys, unknown places, and the form of refusals."""

from __future__ import annotations

from emulator.contract.api import Answer, Api
from emulator.contract.checks.base import NOBODY, check, equal, true


def _envelope(answer: Answer) -> None:
    for error in (answer.error, *answer.body["errors"][1:]):
        true(
            isinstance(error.get("code"), str), f"{answer.request}: the code of an error is a text, got {error!r:.120}"
        )
        true(isinstance(error.get("title"), str), f"{answer.request}: an error has a title, got {error!r:.120}")


@check("R-13", "R-19")
async def no_key_is_401(api: Api) -> None:
    """Without Authorization: 401 with the code 10009."""
    for method, path in (("GET", "/rooms"), ("GET", "/room_sessions"), ("GET", "/room_recordings")):
        answer = (await api.call(method, path, key=None)).expect(401)
        _envelope(answer)
        equal(f"{method} {path} without a key: code", answer.error["code"], "10009")


@check("R-14")
async def other_schemes_are_401(api: Api) -> None:
    """Basic instead of Bearer is 401."""
    answer = await api.call("GET", "/rooms", key=None, headers={"Authorization": "Basic S0VZOg=="})
    answer.expect(401)


@check("R-18")
async def who_has_no_key_learns_nothing(api: Api) -> None:
    """An unknown id without a key is 401, not 404."""
    (await api.call("GET", f"/rooms/{NOBODY}", key=None)).expect(401)


@check("R-20", "R-19")
async def missing_is_an_envelope_and_a_bare_error(api: Api) -> None:
    """A 404 has the errors, and the code and title of the first once more at the top."""
    answer = (await api.call("GET", f"/rooms/{NOBODY}")).expect(404)
    _envelope(answer)
    first = answer.error
    for name in ("code", "title"):
        equal(f"{name} at the top of a 404", answer.body.get(name), first.get(name))


@check("R-22")
async def malformed_ids_are_404(api: Api) -> None:
    """What is no UUID names nothing: 404."""
    (await api.call("GET", "/rooms/lunch")).expect(404)


@check("R-10")
async def broken_json_is_the_callers_fault(api: Api) -> None:
    """A body that is no JSON is 400 or 422 with the errors."""
    answer = await api.call("POST", "/rooms", raw=b'{"max_participants": ')
    api.keep(answer)
    _envelope(answer.expect(400, 422))


@check("R-11")
async def a_body_is_an_object(api: Api) -> None:
    """JSON that is no object is 422."""
    for raw in (b"[]", b"7", b'"room"'):
        answer = await api.call("POST", "/rooms", raw=raw)
        api.keep(answer)
        answer.expect(422)


@check("R-8")
async def unknown_paths_are_404(api: Api) -> None:
    """A path that there is not: 404 with the code 10005."""
    answer = (await api.call("GET", "/room_dreams")).expect(404)
    equal("code", answer.error.get("code"), "10005")


@check("R-9")
async def wrong_methods_are_405(api: Api) -> None:
    """A wrong method on a known path: 405 with Allow."""
    answer = (await api.call("DELETE", "/rooms")).expect(405)
    allowed = {word.strip() for word in answer.headers.get("Allow", "").split(",")}
    true({"GET", "POST"} <= allowed, f"Allow: expected GET and POST in it, got {sorted(allowed)}")
