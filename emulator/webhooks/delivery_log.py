"""What an account remembers of its webhooks: the newest deliveries, and how many it has forgotten."""

from __future__ import annotations

from emulator.webhooks.delivery import Delivery, State


class UnknownDelivery(LookupError):
    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no webhook with the id {delivery_id!r}, or it is no longer remembered.")


class DeliveryLog:
    """Oldest first. What is pending and forgotten is delivered all the same."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._deliveries: dict[str, Delivery] = {}
        self.forgotten = 0
        self.dropped = 0
        """Those that the queue had no room for; they are in the log as well, while it lasts."""

    def add(self, delivery: Delivery) -> None:
        if len(self._deliveries) >= self._limit:
            del self._deliveries[next(iter(self._deliveries))]
            self.forgotten += 1
        self._deliveries[delivery.id] = delivery

    def get(self, delivery_id: str) -> Delivery:
        """Raises UnknownDelivery."""
        try:
            return self._deliveries[delivery_id]
        except KeyError:
            raise UnknownDelivery(delivery_id) from None

    def select(
        self, *, event_type: str | None = None, room_id: str | None = None, state: State | None = None
    ) -> list[Delivery]:
        return [
            delivery
            for delivery in self._deliveries.values()
            if event_type in (None, delivery.event_type)
            and room_id in (None, delivery.room_id)
            and state in (None, delivery.state)
        ]

    def clear(self) -> None:
        self._deliveries.clear()
        self.forgotten = self.dropped = 0
