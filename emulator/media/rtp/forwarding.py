"""Selective forwarding: a publisher's feed, and its subscriptions.

No task, no queue, no timer of its own: packets come in by `Feed.receive_rtp` and leave in the same call through the
subscriptions' outlets; everything periodic happens in `tick`.
"""

from __future__ import annotations

from emulator.media.rtp.feed import Feed, FeedStats
from emulator.media.rtp.feed_video import LayerStats, Simulcast
from emulator.media.rtp.subscription import Subscription, SubscriptionStats

__all__ = ["Feed", "FeedStats", "LayerStats", "Simulcast", "Subscription", "SubscriptionStats"]
