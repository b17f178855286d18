"""What can go wrong with the media of a recording.

RecordingError
├── MediaError     samples that a container cannot hold, or a file that holds none
"""

from __future__ import annotations


class RecordingError(Exception):
    """Base; the text is fit for the user."""


class MediaError(RecordingError):
    pass
