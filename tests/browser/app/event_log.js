// Every SDK event in the order the application saw it, and a way to wait for one.

const CAPACITY = 20_000;

/** One event: n counts from 0 and never repeats, t is in milliseconds since the epoch, args lack the trailing state. */
export class EventLog {
  /** @param {(event: object) => void} onEvent called for every new event */
  constructor(onEvent) {
    this.entries = [];
    this.next = 0;
    this.onEvent = onEvent;
    this.waiters = new Set();
  }

  append(room, name, args) {
    const event = { n: this.next++, t: performance.timeOrigin + performance.now(), room, name, args };
    this.entries.push(event);
    if (this.entries.length > CAPACITY) this.entries.shift();
    for (const waiter of [...this.waiters]) waiter(event);
    this.onEvent(event);
  }

  /**
   * The first event called `name`, numbered `since` or later, that satisfies the predicate: a function of
   * (args, event), or a list compared with the leading args, in which {any: true} stands for anything.
   */
  waitFor(name, predicate = [], timeoutMs = 10_000, since = 0) {
    const matches = (event) => event.n >= since && event.name === name && satisfies(predicate, event);
    const past = this.entries.find(matches);
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const settle = (finish, value) => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        finish(value);
      };
      const waiter = (event) => matches(event) && settle(resolve, event);
      const timer = setTimeout(() => {
        const wanted = typeof predicate === "function" ? "matching the predicate" : JSON.stringify(predicate);
        settle(reject, new Error(`no ${name} ${wanted} since event ${since} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.waiters.add(waiter);
    });
  }
}

const satisfies = (predicate, event) => {
  if (typeof predicate === "function") return predicate(event.args, event);
  return predicate.every((expected, i) => expected?.any || JSON.stringify(expected) === JSON.stringify(event.args[i] ?? null));
};
