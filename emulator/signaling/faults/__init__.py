"""What can go wrong in signaling: one file for each kind; `base.SIGNALING` names them all."""

from emulator.signaling.faults.base import SIGNALING, SignalingFault
from emulator.signaling.faults.layer import FaultLayer

__all__ = ["SIGNALING", "FaultLayer", "SignalingFault"]
