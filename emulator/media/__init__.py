"""The media plane: ICE, DTLS-SRTP, RTP, audio. Knows no rooms."""
