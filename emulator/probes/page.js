/**
 * RoomsPage: what somebody in front of a page sees in a tile and hears, for the assertions of tests. Needs probe.js.
 *
 *   RoomsPage.tile(element, wish)  -> Promise<verdict>
 *   RoomsPage.sound(root, wish)    -> Promise<verdict>
 *
 * wish: {want, within, ...}, times in ms; see TILE_WISHES and SOUND_WISHES for what each want takes. names: who has
 * which participant id (tile) or tone (sound), for texts.
 * verdict: {met, text, over, history}. `text` says what was expected, what came closest and what was there when. Not
 * `over`: the element has left the document; ask again with a fresh one, the `history`, and what is left of the time.
 */
(function (root) {
  'use strict';

  const WINDOW_MS = 250;
  const FROZEN_MS = 1000;
  const DARK = 32; // the brightest luma of a black picture
  const SHOWN = 12;
  // What somebody said before the wait began still comes out of the network, the browser's jitter buffer and the window
  // of 200 ms that is looked at: measured up to 0.28 s after a mute on a quiet machine. It proves nothing.
  const TAIL_MS = 800;
  const GLANCE_MS = 100;

  const probe = () => root.RoomsProbe;
  const seconds = (ms) => (ms / 1000).toFixed(1);

  // ---- What plays, in the document or out of it ----

  const players = new Set(); // WeakRefs of media elements that were played or given a stream
  const known = new WeakSet();

  function remember(element) {
    if (known.has(element)) return;
    known.add(element);
    players.add(new WeakRef(element));
  }

  function hookPlayers() {
    const media = root.HTMLMediaElement?.prototype;
    if (!media) return;
    const { play } = media;
    media.play = function (...args) {
      remember(this);
      return play.apply(this, args);
    };
    const stream = Object.getOwnPropertyDescriptor(media, 'srcObject');
    Object.defineProperty(media, 'srcObject', {
      ...stream,
      set(value) {
        remember(this);
        stream.set.call(this, value);
      },
    });
  }

  function* elementsIn(node) {
    if (node instanceof Element) yield node;
    for (const element of node.querySelectorAll('*')) {
      yield element;
      if (element.shadowRoot) yield* elementsIn(element.shadowRoot);
    }
    if (node.shadowRoot) yield* elementsIn(node.shadowRoot);
  }

  function nameOf(element) {
    const tag = element.localName;
    if (element.id) return `<${tag} id="${element.id}">`;
    if (element.className && typeof element.className === 'string') return `<${tag} class="${element.className}">`;
    return `<${tag}>`;
  }

  // ---- Looking ----

  /** The picture in a tile: itself, or the first video or canvas in it that shows something. */
  function pictureIn(element) {
    const found = [...elementsIn(element)].filter((one) => one.localName === 'video' || one.localName === 'canvas');
    return found.find((one) => (one.videoWidth ?? one.width) > 0) ?? found[0] ?? null;
  }

  let scratch = null;

  function brightest(picture) {
    scratch ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    scratch.canvas.width = 32;
    scratch.canvas.height = 18;
    scratch.drawImage(picture, 0, 0, 32, 18);
    const { data } = scratch.getImageData(0, 0, 32, 18);
    let most = 0;
    for (let i = 0; i < data.length; i += 4) {
      most = Math.max(most, 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]);
    }
    return most;
  }

  /** Whatever a tile shows for `ms`: {text, cards, moved, black, frames, ends}; `moved`: times of new pictures. */
  async function look(element, ms, keys) {
    const began = performance.now();
    const picture = pictureIn(element);
    const nothing = (text) => ({ text, cards: [], moved: [], black: false, frames: 0 });
    const idle = () => new Promise((resolve) => setTimeout(resolve, ms));
    if (!picture) {
      await idle();
      return nothing(`no <video> and no <canvas> in ${nameOf(element)}`);
    }
    const moved = [];
    const cards = new Map();
    let frames = 0;
    let black = false;
    let last = null;
    let tainted = null;
    const isVideo = picture.localName === 'video';
    const size = () => [picture.videoWidth ?? picture.width, picture.videoHeight ?? picture.height];
    const take = () => {
      frames += 1;
      let reading;
      try {
        reading = probe().readCard(picture, { keys });
        black = reading === null && brightest(picture) < DARK;
      } catch (error) {
        tainted = error.message; // another origin's picture, which nobody may read
        return;
      }
      // A frame that repeats the picture before it is no movement. Without a card every frame of a video counts.
      const mark = reading ? `${reading.participantId}/${reading.key}/${reading.frame}` : `frame ${isVideo ? frames : ''}`;
      if (mark !== last) moved.push(performance.now() - began);
      last = mark;
      if (reading) {
        const place = `${reading.participantId}/${reading.key}`;
        const card = cards.get(place) ?? { ...reading, first: reading.frame, readings: 0 };
        cards.set(place, { ...card, last: reading.frame, readings: card.readings + 1 });
      }
    };
    await new Promise((resolve) => {
      let handle;
      const withCallback = isVideo && typeof picture.requestVideoFrameCallback === 'function';
      const schedule = () => {
        handle = withCallback ? picture.requestVideoFrameCallback(step) : requestAnimationFrame(step);
      };
      const step = () => {
        take();
        schedule();
      };
      schedule();
      setTimeout(() => {
        if (withCallback) picture.cancelVideoFrameCallback(handle);
        else cancelAnimationFrame(handle);
        resolve();
      }, ms);
    });
    if (frames === 0 && size()[0] > 0 && (picture.readyState ?? 4) >= 2) take(); // a picture that stands still
    return {
      text: describe(picture, size(), { frames, cards, black, tainted, isVideo }),
      cards: [...cards.values()],
      moved,
      black,
      frames,
    };
  }

  function describe(picture, [width, height], { frames, cards, black, tainted, isVideo }) {
    if (tainted) return `a picture that cannot be read: ${tainted}`;
    if (!width || !height || (isVideo && picture.readyState < 2)) {
      const stream = picture.srcObject;
      if (isVideo && !stream && !picture.currentSrc) return `${nameOf(picture)} without a stream`;
      const track = stream?.getVideoTracks?.()[0];
      const state = !stream ? '' : track ? `, its track is ${track.readyState}${track.muted ? ' and muted' : ''}` : ', no video track';
      return `no picture in ${nameOf(picture)} yet${state}`;
    }
    if (cards.size) return '';
    const still = isVideo && frames <= 1 ? (picture.paused ? ', which stands still (the element is paused)' : ', which stands still') : '';
    return (black ? 'black' : `a picture without a test card (${width}x${height})`) + still;
  }

  const TILE_WISHES = {
    // {participantId, key?}
    show: (seen, wish) => {
      const card = seen.cards.find((one) => isOf(one, wish));
      return Boolean(card && card.readings >= 2 && card.last !== card.first);
    },
    // {}
    live: (seen) => seen.moved.length >= 3,
    black: (seen) => seen.black,
  };

  const isOf = (card, { participantId, key }) =>
    card.participantId === participantId && (key === undefined || key === null || card.key === key);

  async function tile(element, wish) {
    const { want, within = 10000, forMs = 0, names = {}, keys, expected, history = [], elapsed = 0 } = wish;
    const began = performance.now() - elapsed;
    const now = () => performance.now() - began;
    const nameCard = (card) => `${names[card.participantId] ?? card.participantId}/${card.key}`;
    const note = (from, seen) => {
      for (const card of seen.cards) {
        add(history, { from, to: now(), text: nameCard(card), first: card.first, last: card.last, card: true });
      }
      if (!seen.cards.length) add(history, { from, to: now(), text: seen.text });
    };
    const verdict = (met, why) => ({ met, over: true, history, text: told(expected, why, history) });

    if (want === 'not_show') return absence(element, wish, { now, note, verdict, nameCard });
    if (want === 'not_frozen') {
      const from = now();
      const seen = await look(element, forMs, keys);
      note(from, seen);
      const gap = longestGap(seen.moved, forMs);
      const movement = seen.moved.length ? `no new picture for ${seconds(gap.ms)} s from ${seconds(from + gap.at)} s on` : 'no new picture at all';
      return verdict(gap.ms < FROZEN_MS, `closest: ${movement}`);
    }
    for (;;) {
      if (!element.isConnected) return { met: false, over: false, history, elapsed: now(), text: '' };
      const from = now();
      const left = within - from;
      // Who begins late, since the page was busy, has one whole look.
      const seen = await look(element, left > 0 ? Math.min(WINDOW_MS, Math.max(50, left)) : WINDOW_MS, keys);
      note(from, seen);
      if (TILE_WISHES[want](seen, wish)) return verdict(true, '');
      if (now() >= within) return verdict(false, closest(want, wish, history, { names }));
    }
  }

  /** The card stays away for a second that begins within the time. */
  async function absence(element, wish, { now, note, verdict, nameCard }) {
    const { within = 10000, forMs = 1000, keys } = wish;
    let seenLast = 0;
    let last = null;
    let away = 0;
    for (;;) {
      const from = now();
      const seen = element.isConnected ? await look(element, WINDOW_MS, keys) : await gone(WINDOW_MS);
      note(from, seen);
      const card = seen.cards.find((one) => isOf(one, wish));
      if (card) [seenLast, last, away] = [now(), card, 0];
      else away += lookedAt(from, now());
      if (away >= forMs) return verdict(true, '');
      if (last && seenLast >= within) return verdict(false, `it still showed ${nameCard(last)} after ${seconds(seenLast)} s`);
    }
  }

  /** How long nothing was there, as far as anybody looked: a page that was too busy to look proves nothing. */
  const lookedAt = (from, to) => Math.min(to - from, WINDOW_MS);

  async function gone(ms) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { text: 'the tile has left the page', cards: [], moved: [], black: false, frames: 0 };
  }

  function longestGap(moved, ms) {
    const times = [0, ...moved, ms];
    let longest = { ms: 0, at: 0 };
    for (let i = 1; i < times.length; i++) {
      if (times[i] - times[i - 1] > longest.ms) longest = { ms: times[i] - times[i - 1], at: times[i - 1] };
    }
    return longest;
  }

  function closest(want, wish, history, { names }) {
    const cards = history.filter((entry) => entry.card);
    const last = history.at(-1);
    if (want === 'show') {
      const name = names[wish.participantId] ?? wish.participantId;
      const own = cards.filter((entry) => entry.text.startsWith(`${name}/`));
      const stuck = own.find((entry) => entry.first === entry.last);
      if (stuck) return `closest: ${stuck.text} was there at ${seconds(stuck.from)} s, but frame ${stuck.first} stood still`;
      const found = own.at(-1) ?? cards.at(-1);
      if (found) return `closest: it showed ${found.text} until ${seconds(found.to)} s`;
    }
    return last ? `closest: at ${seconds(last.to)} s, ${entryText(last)}` : 'closest: nothing was there to look at';
  }

  // ---- Listening ----

  function playersIn(node) {
    const found = new Set();
    for (const element of elementsIn(node)) {
      if (element.localName === 'audio' || element.localName === 'video') found.add(element);
    }
    if (node === document) {
      for (const reference of players) {
        const element = reference.deref();
        if (element === undefined) players.delete(reference);
        else if (!element.isConnected && element.srcObject) found.add(element);
      }
    }
    return [...found].filter((element) => element.srcObject?.getAudioTracks?.().length);
  }

  const silentBecause = (element) => {
    if (element.muted) return 'muted';
    if (element.volume === 0) return 'at volume 0';
    if (element.paused) return 'paused';
    if (!element.srcObject.getAudioTracks().some((track) => track.enabled && track.readyState === 'live')) {
      return 'without a live audio track';
    }
    return null;
  };

  /** Who is heard for about `ms`: {heard: {tone: dBFS}, silent: [{name, why, tones}], text}. */
  async function hear(node, ms, listeners) {
    const playing = playersIn(node);
    for (const [element, entry] of listeners) {
      if (playing.includes(element) && element.srcObject === entry.stream) continue;
      entry.listener.close();
      listeners.delete(element);
    }
    for (const element of playing) {
      if (listeners.has(element)) continue;
      const listener = probe().listen(element.srcObject);
      await listener.ready;
      listeners.set(element, { stream: element.srcObject, listener });
    }
    const heard = {};
    const silent = [];
    const end = performance.now() + ms;
    do {
      await new Promise((resolve) => setTimeout(resolve, Math.min(100, Math.max(0, end - performance.now()))));
      for (const [element, { listener }] of listeners) {
        const tones = listener.heard();
        const why = silentBecause(element);
        if (why === null) {
          for (const [tone, level] of Object.entries(tones)) heard[tone] = Math.max(level, heard[tone] ?? level);
        } else {
          for (const tone of Object.keys(tones)) silent.push({ tone, text: `${nameOf(element)}, which is ${why}` });
        }
      }
    } while (performance.now() < end);
    const text = playing.length ? 'silence' : 'no <audio> or <video> plays a stream with sound';
    return { heard, silent, text };
  }

  const SOUND_WISHES = {
    // {tone}
    hear: (sounds, { tone }) => sounds.heard[tone] !== undefined,
  };

  /** `hear` counts only what sounds when the tail is over, however short `within` is. */
  async function sound(node, wish) {
    const { want, within = 10000, forMs = 1000, tone, names = {}, expected, history = [], elapsed = 0 } = wish;
    const began = performance.now() - elapsed;
    const now = () => performance.now() - began;
    const nameTone = (index) => (names[index] ? `${names[index]}` : `tone ${index}`);
    const listeners = new Map();
    let heardLast = null;
    let quiet = 0;
    let hidden = null;
    try {
      for (;;) {
        if (!node.isConnected) return { met: false, over: false, history, elapsed: now(), text: '' };
        const from = now();
        const counts = want !== 'hear' || from >= TAIL_MS;
        const ms = want !== 'hear' ? WINDOW_MS : counts ? GLANCE_MS : Math.min(WINDOW_MS, TAIL_MS - from);
        const sounds = await hear(node, ms, listeners);
        const who = Object.entries(sounds.heard);
        for (const [index, level] of who) {
          add(history, { from, to: now(), text: nameTone(index), loudest: level });
        }
        if (!who.length) add(history, { from, to: now(), text: sounds.text });
        hidden = sounds.silent.find((one) => Number(one.tone) === tone) ?? hidden;
        if (sounds.heard[tone] !== undefined) [heardLast, quiet] = [now(), 0];
        else quiet += lookedAt(from, now());
        const verdict = (met, why) => ({ met, over: true, history, text: told(expected, why, history) });
        if (want === 'not_hear') {
          if (quiet >= forMs) return verdict(true, '');
          if (heardLast !== null && heardLast >= within) return verdict(false, `${nameTone(tone)} was still heard after ${seconds(heardLast)} s`);
        } else if (counts && SOUND_WISHES[want](sounds, wish)) {
          return verdict(true, '');
        } else if (counts && now() >= within) {
          const others = [...new Set(history.filter((entry) => entry.loudest !== undefined).map((entry) => entry.text))];
          const why = hidden
            ? `closest: it is in ${hidden.text}`
            : others.includes(nameTone(tone))
              ? `closest: ${nameTone(tone)} was heard until ${seconds(heardLast)} s, from what was said before the wait began`
              : others.length
                ? `closest: ${others.join(', ')} could be heard`
                : `closest: ${history.at(-1)?.text ?? 'nothing'}`;
          return verdict(false, why);
        }
      }
    } finally {
      for (const { listener } of listeners.values()) listener.close();
    }
  }

  // ---- What was there when ----

  /** Goes on with the entry before if it says the same. */
  function add(history, entry) {
    const before = history.findLast((one) => one.text === entry.text && entry.from - one.to < 300);
    if (!before) {
      history.push(entry);
      if (history.length > 200) history.splice(0, history.length - 200);
      return;
    }
    before.to = entry.to;
    if (entry.last !== undefined) before.last = entry.last;
    if (entry.loudest !== undefined) before.loudest = Math.max(before.loudest, entry.loudest);
  }

  function entryText(entry) {
    if (entry.card) return `${entry.text}, frames ${entry.first} to ${entry.last}`;
    if (entry.loudest !== undefined) return `${entry.text} at ${entry.loudest.toFixed(1)} dBFS`;
    return entry.text;
  }

  function told(expected, why, history) {
    const lines = history.slice(-SHOWN).map((entry) => {
      const when = `${seconds(entry.from)} - ${seconds(entry.to)}`;
      return `  ${when.padStart(11)}  ${entryText(entry)}`;
    });
    const left = history.length - lines.length;
    return [
      expected,
      ...(why ? [why] : []),
      `what was there (seconds after the wait began)${left > 0 ? `, the last of ${history.length}` : ''}:`,
      ...lines,
    ].join('\n');
  }

  if (!root.RoomsPage) {
    hookPlayers();
    root.RoomsPage = { tile, sound };
  }
})(typeof self === 'undefined' ? this : self);
