/**
 * Assertions on a page of yours for @playwright/test: who is seen in a tile, who is heard. Serve or save it:
 *
 *   curl -so rooms.mjs http://127.0.0.1:8900/_emulator/playwright.mjs
 *
 *   import { Rooms } from "./rooms.mjs";
 *   const rooms = new Rooms();                          // TELNYX_BASE_URL and TELNYX_API_KEY say where, and who
 *   await context.addInitScript(await rooms.initScript());   // the vendor's SDK comes here
 *   await rooms.expectTile(page.locator("#tile-1")).toShow("alice");
 *   await rooms.expectAudio(page).toHear("alice");
 *
 * A participant is named by its id, or by the `username` (`name`, ...) in its context. Whoever is to be heard is named
 * by the index of its tone, or has it in `tones`: new Rooms({ tones: { alice: 0 } }). Scenarios number tones in the
 * order in which participants are declared. Times are in milliseconds. What decides is in page.js, as for Python.
 */

const NAMES = ["username", "name", "displayName", "display_name", "userName", "nickname"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KEYS = ["self", "presentation"];
const POLL_MS = 250;
const BUSY_MS = 30_000; // a page that has not answered for so long hangs
const LEFT = /Execution context was destroyed|Element is not attached|frame was detached|Cannot find context/;

const ask = (element, [name, wish]) => {
  const { document, RoomsPage } = element.ownerDocument.defaultView;
  return RoomsPage ? RoomsPage[name](element === document.documentElement ? document : element, wish) : "missing";
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const nameOf = ({ id, context }) => {
  let told = context;
  try {
    told = JSON.parse(context);
  } catch {
    // a context is the application's own business: it need not be JSON
  }
  if (told && typeof told === "object") told = NAMES.map((name) => told[name]).find((one) => typeof one === "string" && one);
  return typeof told === "string" && told ? told.slice(0, 60) : id.slice(0, 8);
};

/** One account on a running emulator, as a test's pages show it. */
export class Rooms {
  #url;
  #headers;
  #page;

  /** url: the REST base URL; apiKey: the account; tones: name -> index of its tone. */
  constructor({ url = process.env.TELNYX_BASE_URL, apiKey = process.env.TELNYX_API_KEY, tones = {} } = {}) {
    if (!url || !apiKey) {
      throw new Error("where is the emulator? Set TELNYX_BASE_URL and TELNYX_API_KEY, or give { url, apiKey }");
    }
    this.#url = url.replace(/\/+$/, "").replace(/\/v2$/, "");
    this.#headers = { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" };
    this.tones = tones;
  }

  /** A room; `fields` as REST has them. */
  async createRoom(fields = {}) {
    return (await this.#json("/v2/rooms", fields)).data;
  }

  /** A client token for a room's id. */
  async token(roomId) {
    return (await this.#json(`/v2/rooms/${roomId}/actions/generate_join_client_token`, {})).data.token;
  }

  /** For `context.addInitScript`: sends the vendor's SDK here, and reads what pages show. */
  async initScript() {
    return { content: `${await this.#text("/_emulator/redirect.js")}\n${await this.#pageScript()}` };
  }

  /** locator: of a <video>, a <canvas>, or one element that holds it. */
  expectTile(locator) {
    const look = (text, wish, within) => this.#look(locator, "tile", `expected ${place(locator)} ${text}`, wish, within);
    return {
      /** The moving test card of this participant; with `key`, of that stream. */
      toShow: async (who, { key, within = 10_000 } = {}) => {
        const began = Date.now();
        const { person, names } = await this.#find(who, within, `expected ${place(locator)} to show ${who}`);
        const keys = key === undefined ? KEYS : [...new Set([...KEYS, key])];
        const stream = key === undefined ? names[person] : `${names[person]}/${key}`;
        const wish = { want: "show", participantId: person, key: key ?? null, keys, names };
        await look(`to show ${stream} within ${within / 1000} s`, wish, within, began);
      },
      /** Its card stays away for a second that begins within the time. */
      notToShow: async (who, { key, within = 10_000 } = {}) => {
        const { person, names } = await this.#find(who, 0, `expected ${place(locator)} not to show ${who}`);
        const wish = { want: "not_show", participantId: person, key: key ?? null, names };
        await look(`not to show ${names[person]} any more within ${within / 1000} s`, wish, within);
      },
      /** New pictures come, whatever they show. */
      toBeLive: async ({ within = 10_000 } = {}) =>
        look(`to be live within ${within / 1000} s`, { want: "live", names: await this.#names() }, within),
      /** New pictures come for so long, with no gap of a second or more. */
      notToBeFrozen: async ({ forMs = 2000 } = {}) =>
        look(`not to be frozen for ${forMs / 1000} s`, { want: "not_frozen", forMs, names: await this.#names() }, Math.max(forMs, 5000)),
      /** As with a camera that is switched off. */
      toBeBlack: async ({ within = 10_000 } = {}) =>
        look(`to be black within ${within / 1000} s`, { want: "black", names: await this.#names() }, within),
    };
  }

  /** pageOrLocator: the whole page, or what is inside of a locator. */
  expectAudio(pageOrLocator) {
    const whole = typeof pageOrLocator.goto === "function";
    const where = whole ? "the page" : place(pageOrLocator);
    const locator = whole ? pageOrLocator.locator(":root") : pageOrLocator;
    const names = Object.fromEntries(Object.entries(this.tones).map(([name, tone]) => [tone, name]));
    const toneOf = (who) => {
      const tone = typeof who === "number" ? who : this.tones[who];
      if (!Number.isInteger(tone) || tone < 0 || tone > 63) {
        throw new Error(`no tone is known of ${who}: name its index (0 to 63), or say it once: new Rooms({ tones })`);
      }
      return tone;
    };
    const look = (text, wish, within) =>
      this.#look(locator, "sound", `expected ${where} ${text}`, { ...wish, names }, within);
    const called = (tone) => names[tone] ?? `tone ${tone}`;
    return {
      /** Its tone sounds later than 800 ms after the call: till then the browser may still play what came before it. */
      toHear: async (who, { within = 10_000 } = {}) => {
        const tone = toneOf(who);
        await look(`to hear ${called(tone)} within ${within / 1000} s`, { want: "hear", tone }, within);
      },
      /** Its tone stays away for so long, which begins within the time. */
      notToHear: async (who, { within = 10_000, forMs = 1000 } = {}) => {
        const tone = toneOf(who);
        const text = `not to hear ${called(tone)} any more within ${within / 1000} s, for ${forMs / 1000} s`;
        await look(text, { want: "not_hear", tone, forMs }, within);
      },
    };
  }

  async #look(locator, name, expected, wish, within, began = Date.now()) {
    let history = [];
    let patience = 0;
    for (;;) {
      const elapsed = Date.now() - began;
      const asked = { ...wish, expected, within, history, elapsed };
      patience = Math.max(POLL_MS, within - elapsed, patience);
      const verdict = await this.#ask(locator, name, asked, patience);
      if (verdict === null) {
        if (wish.want === "not_show") return; // what is not there shows nothing
        throw new Error(`${expected}\nclosest: there is no such element on the page`);
      }
      if (verdict.over) {
        if (!verdict.met) throw new Error(verdict.text);
        return;
      }
      history = verdict.history;
      if (verdict.busy && patience >= BUSY_MS) {
        throw new Error(`${expected}\nclosest: the page does not answer, it was too busy for ${Math.round(patience / 1000)} s`);
      }
      patience = verdict.busy ? 2 * patience : 0;
    }
  }

  async #ask(locator, name, wish, timeout) {
    try {
      const verdict = await locator.evaluate(ask, [name, wish], { timeout });
      if (verdict !== "missing") return verdict;
      // Evaluated by the browser itself: no content security policy of the page stands against it.
      await locator.evaluate(new Function(await this.#pageScript()), undefined, { timeout });
      return await locator.evaluate(ask, [name, wish], { timeout });
    } catch (error) {
      const again = { met: false, over: false, history: wish.history };
      if (error.name === "TimeoutError") {
        // Not there, or the page was too busy to find it. Bounded, as a page may hang for ever.
        try {
          await locator.waitFor({ state: "detached", timeout });
        } catch (problem) {
          if (problem.name === "TimeoutError") return { ...again, busy: true };
          throw problem;
        }
        return null;
      }
      if (!LEFT.test(error.message)) throw error;
      return again;
    }
  }

  async #find(who, within, expected) {
    const began = Date.now();
    for (;;) {
      const people = await this.#people();
      const names = Object.fromEntries(people.map((one) => [one.id, nameOf(one)]));
      if (UUID.test(who)) return { person: who, names: { [who]: who.slice(0, 8), ...names } };
      const found = Object.keys(names).filter((id) => names[id] === who);
      if (found.length > 1) throw new Error(`${expected}: ${found.length} participants are called so (${found.join(", ")})`);
      if (found.length === 1) return { person: found[0], names };
      if (Date.now() - began >= within) {
        const there = [...new Set(Object.values(names))].sort().join(", ") || "nobody at all";
        throw new Error(`${expected}: nobody called '${who}' has joined a room of this account; there is ${there}`);
      }
      await sleep(POLL_MS);
    }
  }

  async #names() {
    return Object.fromEntries((await this.#people()).map((one) => [one.id, nameOf(one)]));
  }

  async #people() {
    return (await this.#json("/v2/room_participants?page[size]=250")).data;
  }

  async #pageScript() {
    this.#page ??= await this.#text("/_emulator/page.js");
    return this.#page;
  }

  async #text(path) {
    const answer = await fetch(this.#url + path);
    if (!answer.ok) throw new Error(`GET ${this.#url}${path}: ${answer.status}`);
    return answer.text();
  }

  async #json(path, body) {
    const method = body === undefined ? "GET" : "POST";
    const answer = await fetch(this.#url + path, { method, headers: this.#headers, body: body && JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${told.errors?.[0]?.detail ?? ""}`);
    return told;
  }
}

const place = (locator) => String(locator).replace(/^locator\('(.*)'\)$/s, "$1");
