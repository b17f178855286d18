"""Makes one account's compositions: follows its events, and takes each one its way."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.events import Record, StoreError
from emulator.recording.film.process import FilmError, Workshop
from emulator.recording.pace import Pace, Steps
from emulator.recording.studio import Studio
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.composition import Composition
from emulator.rooms.errors import DomainError
from emulator.rooms.recording import Recording
from emulator.store.budget import MEGABYTE
from emulator.store.files import word

if TYPE_CHECKING:
    from emulator.recording.film.script import Script, Source

log = logging.getLogger("emulator.recording")


@dataclass(slots=True)
class Job:
    """A composition that is not completed. `progress` of the film: 0 to 1."""

    composition_id: str
    steps: Steps
    progress: float = 0.0
    problem: str | None = None
    """Why it could not be made; a step tries again."""
    recorded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a recording may have been completed."""
    task: asyncio.Task[None] | None = None


class AccountComposer:
    """A composition stays enqueued until its pace allows, and until no recording of its session is being made any more;
    then it is processing until the film is there, and its pace allows."""

    def __init__(self, account: Account, studio: Studio, workshop: Workshop) -> None:
        self.account = account
        self.pace = Pace()
        self._studio = studio
        self._workshop = workshop
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Also of jobs that were given up, until their processes have ended."""
        account.log.subscribe(
            self._on_record,
            h.CompositionEnqueued,
            h.CompositionDeleted,
            h.RecordingCompleted,
            h.RecordingDeleted,
            h.StateLoaded,
        )

    def job(self, composition_id: str) -> Job | None:
        return self._jobs.get(composition_id)

    def set_pace(self, pace: Pace) -> None:
        """Of all that are under way, too."""
        self.pace = pace
        for job in self._jobs.values():
            job.steps.set_pace(pace)

    def _on_record(self, record: Record) -> None:
        match record.event:
            case h.CompositionEnqueued(composition_id=composition_id):
                self._begin(composition_id)
            case h.CompositionDeleted(composition_id=composition_id):
                self._give_up(composition_id)
                path = self._studio.files.find(self.account.id, composition_id)
                if path is not None:
                    self._remove(composition_id, path)
            case h.RecordingCompleted() | h.RecordingDeleted():
                for job in self._jobs.values():
                    job.recorded.set()
            case h.StateLoaded():
                self.abandon()
            case _:
                pass

    def recover(self) -> None:
        """After a restart: what was under way begins anew."""
        for composition in tuple(self.account.records.compositions.values()):
            if composition.made_here and composition.status != "completed":
                self._begin(composition.id)

    def abandon(self) -> set[asyncio.Task[None]]:
        """Nothing is made any more. Returns what is on its way to its end."""
        for composition_id in tuple(self._jobs):
            self._give_up(composition_id)
        return set(self._tasks)

    def _begin(self, composition_id: str) -> None:
        job = Job(composition_id, Steps(self.account.clock))
        job.steps.set_pace(self.pace)
        self._jobs[composition_id] = job
        job.task = asyncio.get_running_loop().create_task(self._take(job))
        self._tasks.add(job.task)
        job.task.add_done_callback(self._on_end)

    def _give_up(self, composition_id: str) -> None:
        job = self._jobs.pop(composition_id, None)
        if job is not None and job.task is not None:
            job.task.cancel()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # A fault of ours: it must not pass unseen, and the other compositions go on.
            log.error("making a composition failed", exc_info=task.exception())

    # -- the way of one ---------------------------------------------------------------------------------------------

    async def _take(self, job: Job) -> None:
        account = self.account
        composition = account.composition(job.composition_id)
        if composition.status == "enqueued":
            await job.steps.permitted()
            await self._recordings_done(job, composition)
            account.start_composition(composition.id)
        while True:
            try:
                await self._make(job, composition)
                return
            except (FilmError, StoreError) as error:
                job.problem = str(error)
                log.warning("the composition %s cannot be made: %s", composition.id, error)
                await job.steps.permitted(again=True)
                job.problem = None

    async def _recordings_done(self, job: Job, composition: Composition) -> None:
        while any(each.status == "processing" and each.made_here for each in self._recordings(composition)):
            job.recorded.clear()
            await job.recorded.wait()

    async def _make(self, job: Job, composition: Composition) -> None:
        from emulator.recording.film.script import write_script

        files, account = self._studio.files, self.account
        sources = self._sources(composition)
        script = write_script(composition.settings, sources)
        path = self._new_file(composition)

        def on_progress(share: float) -> None:
            job.progress = share
            files.grow(path, path.stat().st_size)

        try:
            secs = await self._workshop.make(script.as_json(), path, on_progress)
        except BaseException:  # also when it is given up: half a film is of no use to anybody
            self._remove(composition.id, path)
            raise
        job.progress = 1.0
        size = path.stat().st_size
        files.settle(path, size)
        await job.steps.permitted()
        began = self._began(composition, script, sources)
        del self._jobs[composition.id]
        try:
            account.complete_composition(
                composition.id,
                duration_secs=round(secs),
                size_mb=size / MEGABYTE,
                started_at=began,
                ended_at=began + timedelta(seconds=secs),
            )
        except DomainError as error:  # deleted, or replaced, in the very moment
            log.info("the composition %s is not completed: %s", composition.id, error)

    def _remove(self, composition_id: str, path: Path) -> None:
        self._studio.files.drop(self.account.id, composition_id)
        self._studio.disk.run(partial(path.unlink, missing_ok=True), None)

    def _new_file(self, composition: Composition) -> Path:
        files = self._studio.files
        remove = files.drop(self.account.id, composition.id)  # of an earlier try
        if remove is not None:
            remove()
        records = self.account.records
        room = records.rooms.get(composition.room_id or "")
        where = word(room.settings.unique_name or "") if room is not None else ""
        parts = (f"{self.account.now():%Y-%m-%dT%H%M%SZ}", where, f"composition-{composition.settings.resolution}")
        file = files.create(self.account.id, composition.id, "_".join(part for part in parts if part), "mp4")
        file.close()
        return file.path

    def _recordings(self, composition: Composition) -> list[Recording]:
        found = self.account.records.recordings.values()
        return [each for each in found if each.session_id == composition.session_id and composition.session_id]

    def _check_files(self, recordings: list[Recording]) -> None:
        """Raises FilmError for a recording made here whose file somebody took away: a film without it would be another.

        There is no failed status (rest-and-webhooks.md, section 4, "Composition"): it stays in processing, and
        `/_emulator/compositions` has the reason.
        """
        for each in recordings:
            if not (each.made_here and each.status == "completed" and each.length):
                continue
            path = self._studio.files.find(self.account.id, each.id)
            if path is None or not path.is_file():
                what = "its file" if path is None else f"the file {path.name}"
                raise FilmError(f"the {each.kind} recording {each.id} cannot be read: {what} is gone")

    def _sources(self, composition: Composition) -> list[Source]:
        from emulator.recording.film.script import Source

        recordings = self._recordings(composition)
        self._check_files(recordings)
        together = all(each.moment is not None for each in recordings)
        found = []
        for each in recordings:
            path = self._studio.files.find(self.account.id, each.id)
            if path is None or each.status != "completed" or not path.is_file() or not each.length:
                continue
            started = None if each.started_at is None else each.started_at.timestamp()
            began = each.moment if together else started
            if began is not None and each.kind is not None:
                found.append(Source(each.id, each.kind, str(path), began, began + each.length))
        return found

    def _began(self, composition: Composition, script: Script, sources: list[Source]) -> datetime:
        """The account's time of the film's beginning: when the first recording in it was started."""
        seen = {*(each.path for each in script.videos), *(each.path for each in script.voices)}
        ids = {each.id for each in sources if each.path in seen}
        began = [each.started_at for each in self._recordings(composition) if each.id in ids and each.started_at]
        return min(began, default=self.account.now())
