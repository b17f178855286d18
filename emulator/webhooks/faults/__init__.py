"""What can go wrong with webhooks on purpose, one file for each kind; `surface.WEBHOOKS` names them all."""

from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault

__all__ = ["WEBHOOKS", "WebhookFault"]
