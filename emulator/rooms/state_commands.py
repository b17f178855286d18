"""Commands about the whole state: load one, show it, begin anew."""

from __future__ import annotations

from typing import Any

from emulator.rooms import document
from emulator.rooms import happenings as h
from emulator.rooms.ledger import command
from emulator.rooms.session_commands import SessionCommands


class StateCommands(SessionCommands):
    @command
    def load_state(self, wanted: Any) -> None:
        """Replace all records by those of a state document; who is there is sent away first.

        Raises BadDocument (with the JSON pointer), and then nothing has changed.
        """
        checked = document.write(document.parse(wanted), user_id=self.id)
        for session in tuple(self.records.sessions.values()):
            if session.active:
                self._end(session, "session_ended", "State replaced")
        self._tell(h.StateLoaded(checked))

    def reset(self) -> None:
        """No records any more."""
        self.load_state({})

    def export_state(self) -> document.Json:
        """The state document of now; loading it gives the same document again."""
        return document.write(self.records.state(), user_id=self.id)
