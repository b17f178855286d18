"""From event log and wire log to one picture, shared by reports, artefacts and the inspector.

`build` makes the picture, `page` draws it as one file, `report` writes that of an account.
"""
