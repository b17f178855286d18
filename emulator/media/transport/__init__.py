"""One UDP socket, many peers: STUN, DTLS, SRTP."""
