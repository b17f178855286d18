"""RTP and RTCP: parse, rewrite, forward."""
