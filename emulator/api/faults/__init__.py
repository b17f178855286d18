"""What can go wrong on the REST surface: one file for each kind; `base.REST` names them all."""

from emulator.api.faults.base import REST, RestFault
from emulator.api.faults.layer import FaultLayer
from emulator.api.recorder import FAULT_HEADER

__all__ = ["FAULT_HEADER", "REST", "FaultLayer", "RestFault"]
