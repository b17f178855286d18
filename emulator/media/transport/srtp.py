"""SRTP and SRTCP of one connection (RFC 3711, RFC 7714) over libsrtp."""

from __future__ import annotations

from collections import Counter

import pylibsrtp

from .dtls import SrtpKeys

REPLAY_WINDOW = 1024
"""Packets a retransmission may come late; libsrtp's default of 128 is too short for video."""

_PROFILES: dict[str, int] = {
    "SRTP_AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class SrtpSession:
    """Both directions of a connection, for any number of SSRCs.

    Packets that cannot be protected or unprotected give None and are counted in `errors` by reason.
    """

    def __init__(self, keys: SrtpKeys) -> None:
        self.profile = keys.profile
        self.errors: Counter[str] = Counter()
        outbound = _session(keys.local, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, keys.profile)
        inbound = _session(keys.remote, pylibsrtp.Policy.SSRC_ANY_INBOUND, keys.profile)
        self._protect, self._protect_rtcp = outbound.protect, outbound.protect_rtcp
        self._unprotect, self._unprotect_rtcp = inbound.unprotect, inbound.unprotect_rtcp

    def protect_rtp(self, packet: bytes) -> bytes | None:
        try:
            return self._protect(packet)
        except (pylibsrtp.Error, ValueError) as exc:
            self.errors[f"protect: {exc}"] += 1
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._protect_rtcp(packet)
        except (pylibsrtp.Error, ValueError) as exc:
            self.errors[f"protect RTCP: {exc}"] += 1
            return None

    def unprotect_rtp(self, packet: bytes) -> bytes | None:
        try:
            return self._unprotect(packet)
        except (pylibsrtp.Error, ValueError) as exc:
            self.errors[f"unprotect: {exc}"] += 1
            return None

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError) as exc:
            self.errors[f"unprotect RTCP: {exc}"] += 1
            return None


def _session(key: bytes, ssrc_type: int, profile: str) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=ssrc_type, srtp_profile=_PROFILES[profile])
    policy.window_size = REPLAY_WINDOW
    policy.allow_repeat_tx = True
    return pylibsrtp.Session(policy)
