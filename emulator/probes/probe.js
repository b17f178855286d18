/**
 * RoomsProbe: reads and draws test cards, and reads tones, in a browser (or, for raw luma and PCM, in Node).
 *
 *   RoomsProbe.drawCard(canvas, {participantId, key, frame})
 *   RoomsProbe.readCard(videoOrCanvas, {keys, crop})   -> {participantId, key, frame} | null
 *   RoomsProbe.watchCard(video, {ms, keys, crop})      -> Promise<{participantId, key, first, last, readings, frames, all}>
 *   RoomsProbe.flashes(videoOrCanvas)                  -> boolean
 *   RoomsProbe.watchSync(video, {ms})                  -> Promise<{flashes, beeps, offsets, offset}>
 *   RoomsProbe.tonesIn(mediaStream, {ms, candidates})  -> Promise<{index: dBFS}>
 *   RoomsProbe.listen(mediaStream, {candidates})       -> {ready, heard(), close()}
 *   RoomsProbe.readLuma(luma, width, height, {keys, crop}), RoomsProbe.detectTones(samples, rate, candidates)
 *
 * The formats, and why they are as they are: card_format.py, card_reader.py and tones.py. Numbers and steps here are
 * theirs, so that both readers agree bit for bit.
 */
(function (root) {
  'use strict';

  // ---- Test card (card_format.py, card_reader.py) ----

  const CARD_VERSION = 0xa1;
  const COLUMNS = 32;
  const ROWS = 6;
  const UNITS_WIDE = 40;
  const UNITS_HIGH = 22.5;
  const GRID_LEFT = 4;
  const GRID_TOP = 15;
  const TAPS = [5 / 16, 7 / 16, 9 / 16, 11 / 16];
  const MIN_CONTRAST = 48;
  const MIN_MARGIN = 0.15;
  const FLASH_UNITS = 1.5;
  const FLASH_LUMA = 160;
  const KNOWN_KEYS = ['self', 'presentation'];
  const CANVAS_WIDTH = 640; // wider pictures are scaled down to this before their pixels are read

  function crc16(bytes) {
    let crc = 0xffff;
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let i = 0; i < 8; i++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
    }
    return crc;
  }

  function hex(bytes) {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  function resolveKey(hash, keys) {
    const matches = new Set(keys.filter((key) => crc16(new TextEncoder().encode(key)) === hash));
    return matches.size === 1 ? [...matches][0] : '#' + hash.toString(16).padStart(4, '0');
  }

  /** The sums of the samples of every cell, and of the ring of black cells around the grid; `at(x, y)` is a luma. */
  function cellSums(at, [left, top, wide, high]) {
    const places = (start, count, origin, unit) => {
      const found = [];
      for (let i = -1; i <= count; i++) {
        for (const tap of TAPS) found.push(Math.floor(origin + (start + i + tap) * unit));
      }
      return found;
    };
    const xs = places(GRID_LEFT, COLUMNS, left, wide / UNITS_WIDE);
    const ys = places(GRID_TOP, ROWS, top, high / UNITS_HIGH);
    const grid = [];
    const around = [];
    for (let row = -1; row <= ROWS; row++) {
      for (let column = -1; column <= COLUMNS; column++) {
        let sum = 0;
        for (let j = 0; j < TAPS.length; j++) {
          for (let i = 0; i < TAPS.length; i++) {
            sum += at(xs[(column + 1) * TAPS.length + i], ys[(row + 1) * TAPS.length + j]);
          }
        }
        const inside = row >= 0 && row < ROWS && column >= 0 && column < COLUMNS;
        (inside ? grid : around).push(sum);
      }
    }
    return { grid, around };
  }

  /** Which cells are white; null unless they fall into two clear groups with black around them. */
  function whiteCells({ grid, around }) {
    const all = grid.reduce((sum, value) => sum + value, 0);
    let threshold = (Math.min(...grid) + Math.max(...grid)) / 2;
    let contrast = 0;
    for (let round = 0; round < 8; round++) {
      let count = 0;
      let total = 0;
      for (const value of grid) {
        if (value > threshold) {
          count += 1;
          total += value;
        }
      }
      if (count === 0 || count === grid.length) return null;
      const light = total / count;
      const dark = (all - total) / (grid.length - count);
      contrast = light - dark;
      if ((light + dark) / 2 === threshold) break;
      threshold = (light + dark) / 2;
    }
    if (contrast < MIN_CONTRAST * TAPS.length * TAPS.length) return null;
    const margin = MIN_MARGIN * contrast;
    if (grid.some((value) => Math.abs(value - threshold) < margin)) return null;
    if (Math.max(...around) > threshold - margin) return null;
    return grid.map((value) => value > threshold);
  }

  function decodeCard(white, keys) {
    const bytes = new Uint8Array(white.length / 8);
    white.forEach((isWhite, i) => {
      if (isWhite) bytes[i >> 3] |= 0x80 >> (i & 7);
    });
    const crc = (bytes[22] << 8) | bytes[23];
    if (bytes[0] !== CARD_VERSION || crc16(bytes.subarray(0, 22)) !== crc) return null;
    const id = hex(bytes.subarray(1, 17));
    let frame = (bytes[19] << 16) | (bytes[20] << 8) | bytes[21];
    for (const shift of [1, 2, 4, 8, 16]) frame ^= frame >> shift;
    return {
      participantId: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-'),
      key: resolveKey((bytes[17] << 8) | bytes[18], keys),
      frame,
    };
  }

  /** The 24 bytes a card shows, as encode_card() of card_format.py makes them. */
  function encodeCard({ participantId, key, frame }) {
    const id = String(participantId).replaceAll('-', '');
    if (!/^[0-9a-f]{32}$/i.test(id)) throw new RangeError(`a card's participantId is a UUID, got ${participantId}`);
    const number = frame % (1 << 24);
    const gray = number ^ (number >> 1);
    const hash = crc16(new TextEncoder().encode(key));
    const body = [CARD_VERSION, ...id.match(/../g).map((digits) => parseInt(digits, 16))];
    body.push(hash >> 8, hash & 0xff, gray >> 16, (gray >> 8) & 0xff, gray & 0xff);
    const crc = crc16(body);
    return [...body, crc >> 8, crc & 0xff];
  }

  /**
   * Draw the cells of a card onto a canvas, over its lower part and the black around them; the rest stays as it is.
   * For pages whose own camera is to be recognised. 120 x 68 pixels are the least.
   */
  function drawCard(canvas, { participantId, key = 'self', frame }) {
    const context = canvas.getContext('2d');
    const { width, height } = canvas;
    const x = (unit) => Math.round((unit * width) / UNITS_WIDE);
    const y = (unit) => Math.round((unit * height) / UNITS_HIGH);
    const bytes = encodeCard({ participantId, key, frame });
    context.fillStyle = '#000';
    context.fillRect(0, y(GRID_TOP - 1), width, height);
    context.fillStyle = '#fff';
    for (let row = 0; row < ROWS; row++) {
      for (let column = 0; column < COLUMNS; column++) {
        const place = row * COLUMNS + column;
        if (!((bytes[place >> 3] >> (7 - (place & 7))) & 1)) continue;
        const [left, top] = [x(GRID_LEFT + column), y(GRID_TOP + row)];
        context.fillRect(left, top, x(GRID_LEFT + column + 1) - left, y(GRID_TOP + row + 1) - top);
      }
    }
  }

  function checkCrop(crop, width, height) {
    const [left, top, wide, high] = crop;
    const fits = left >= 0 && top >= 0 && wide > 0 && high > 0 && left + wide <= width && top + high <= height;
    if (!fits) throw new RangeError(`crop ${crop} does not lie in a picture of ${width}x${height}`);
  }

  /**
   * Read the card in a luma plane: `luma[y * width + x]`, 0 to 255. `crop` is [left, top, width, height] in pixels.
   * Null when there is no card or any of it is in doubt.
   */
  function readLuma(luma, width, height, { keys = KNOWN_KEYS, crop = [0, 0, width, height] } = {}) {
    checkCrop(crop, width, height);
    const white = whiteCells(cellSums((x, y) => luma[y * width + x], crop));
    return white && decodeCard(white, keys);
  }

  let scratch = null;

  /**
   * Read the card in a video element, canvas, image or VideoFrame. `crop` is [left, top, width, height] in pixels of
   * the source itself (not of its place on the page). Null when there is no picture yet, no card, or doubt.
   */
  function readCard(source, { keys = KNOWN_KEYS, crop } = {}) {
    const width = source.videoWidth ?? source.naturalWidth ?? source.displayWidth ?? source.width;
    const height = source.videoHeight ?? source.naturalHeight ?? source.displayHeight ?? source.height;
    if (!width || !height || source.readyState < 2) return null;
    const [left, top, wide, high] = crop ?? [0, 0, width, height];
    checkCrop([left, top, wide, high], width, height);
    const scale = Math.min(1, CANVAS_WIDTH / wide);
    const drawnWide = Math.round(wide * scale);
    const drawnHigh = Math.round(high * scale);

    scratch ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    // Setting the size clears the canvas, so it is only set when it changes.
    if (scratch.canvas.width !== drawnWide) scratch.canvas.width = drawnWide;
    if (scratch.canvas.height !== drawnHigh) scratch.canvas.height = drawnHigh;
    scratch.drawImage(source, left, top, wide, high, 0, 0, drawnWide, drawnHigh);
    const firstRow = Math.floor(((GRID_TOP - 1) * drawnHigh) / UNITS_HIGH);
    const { data } = scratch.getImageData(0, firstRow, drawnWide, drawnHigh - firstRow);
    const at = (x, y) => {
      const place = ((y - firstRow) * drawnWide + x) * 4;
      return 0.299 * data[place] + 0.587 * data[place + 1] + 0.114 * data[place + 2];
    };
    const white = whiteCells(cellSums(at, [0, 0, drawnWide, drawnHigh]));
    return white && decodeCard(white, keys);
  }

  let flashScratch = null;

  /** Whether the card in a video element or canvas shows its flash. Of what is no card it says nothing. */
  function flashes(source) {
    const width = source.videoWidth ?? source.width;
    const height = source.videoHeight ?? source.height;
    if (!width || !height) return false;
    const bar = (FLASH_UNITS * height) / UNITS_HIGH;
    flashScratch ??= new OffscreenCanvas(16, 1).getContext('2d', { willReadFrequently: true });
    flashScratch.drawImage(source, width / 4, bar / 4, width / 2, bar / 2, 0, 0, 16, 1);
    const { data } = flashScratch.getImageData(0, 0, 16, 1);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    return sum / 16 > FLASH_LUMA;
  }

  /**
   * Read every frame a video shows for `ms` milliseconds.
   *
   * frames: how many were shown; readings: how many of them were read as the card seen most; first, last: its frame
   * numbers at the beginning and the end (null, like participantId and key, when nothing was read); all: the same for
   * each card seen, most readings first.
   */
  function watchCard(video, { ms = 1000, keys = KNOWN_KEYS, crop } = {}) {
    return new Promise((resolve, reject) => {
      const hasFrameCallback = typeof video.requestVideoFrameCallback === 'function';
      const cards = new Map();
      let frames = 0;
      let pending;
      const schedule = () => {
        pending = hasFrameCallback ? video.requestVideoFrameCallback(look) : requestAnimationFrame(look);
      };
      const stop = () => {
        clearTimeout(timer);
        if (hasFrameCallback) video.cancelVideoFrameCallback(pending);
        else cancelAnimationFrame(pending);
      };
      const look = () => {
        let reading;
        try {
          reading = readCard(video, { keys, crop });
        } catch (error) {
          stop();
          reject(error);
          return;
        }
        frames += 1;
        if (reading) {
          const name = `${reading.participantId}/${reading.key}`;
          const { participantId, key, frame } = reading;
          const card = cards.get(name) ?? { participantId, key, first: frame, last: frame, readings: 0 };
          card.last = frame;
          card.readings += 1;
          cards.set(name, card);
        }
        schedule();
      };
      const timer = setTimeout(() => {
        stop();
        const all = [...cards.values()].sort((a, b) => b.readings - a.readings);
        const nothing = { participantId: null, key: null, first: null, last: null, readings: 0 };
        resolve({ ...(all[0] ?? nothing), frames, all });
      }, ms);
      schedule();
    });
  }

  // ---- Tones (tones.py) ----

  const TONES = 64;
  const RATE = 48000;
  const MIN_RATE = 8000;
  const WINDOW = 0.2;
  const HEARD_DBFS = -50;
  const MIN_RISE = 5;
  const MIN_RISE_SUM = 22;
  const MAX_DIFFERENCE = 10;
  const MAX_BELOW_LOUDEST = 20;
  const FLANK_HZ = 9;
  const NEAR_HZ = 12;
  const FAR_HZ = 120;
  const ALL_TONES = Array.from({ length: TONES }, (_, index) => index);

  const CHORDS = (() => {
    const grid = [];
    let scatter = 1;
    for (let place = 0; place < 2 * TONES; place++) {
      grid.push(430 + 23 * place + (scatter % 9) - 4);
      scatter = (scatter * 3) % 257;
    }
    return ALL_TONES.map((index) => {
      const lower = parseInt([...index.toString(2).padStart(6, '0')].reverse().join(''), 2);
      return [grid[lower], grid[TONES + ((lower * 37 + 11) % TONES)]];
    });
  })();

  /** The two frequencies of an index, in Hz. */
  function chord(index) {
    if (!CHORDS[index]) throw new RangeError(`a tone index is a number from 0 to ${TONES - 1}, got ${index}`);
    return CHORDS[index];
  }

  const decibels = (power) => 10 * Math.log10(power);

  const plans = new Map();

  /** Everything about a rate that does not depend on the samples. */
  function planFor(rate) {
    if (!(rate >= MIN_RATE)) throw new RangeError(`expected at least ${MIN_RATE} samples per second, got ${rate}`);
    if (plans.has(rate)) return plans.get(rate);
    const size = Math.round(rate * WINDOW);
    let fftSize = 1;
    while (fftSize < 1.5 * size) fftSize *= 2;
    const window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    const toBins = (hertz) => Math.floor((hertz * fftSize) / rate + 0.5);
    const plan = {
      size,
      fftSize,
      window,
      gain: (window.reduce((sum, value) => sum + value, 0) / 2) ** 2,
      bins: CHORDS.map((pair) => pair.map(toBins)),
      flank: toBins(FLANK_HZ),
      near: toBins(NEAR_HZ),
      far: toBins(FAR_HZ),
      // e^(-2 pi i k / fftSize)
      cos: Float64Array.from({ length: fftSize / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / fftSize)),
      sin: Float64Array.from({ length: fftSize / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / fftSize)),
      re: new Float64Array(fftSize / 2),
      im: new Float64Array(fftSize / 2),
      power: new Float64Array(fftSize / 2),
    };
    plans.set(rate, plan);
    return plan;
  }

  /** Fills plan.power with |FFT|^2 / gain of `input(i)`, i < plan.size, padded with zeros. */
  function powerSpectrum(input, plan) {
    const { fftSize, size, cos, sin, re, im, power, gain } = plan;
    const half = fftSize / 2;
    // Even samples become the real, odd ones the imaginary part of a sequence of half the length, in bit-reversed order.
    re.fill(0);
    im.fill(0);
    for (let i = 0, reversed = 0; i < half; i++) {
      if (2 * i < size) re[reversed] = input(2 * i);
      if (2 * i + 1 < size) im[reversed] = input(2 * i + 1);
      let bit = half >> 1;
      while (reversed & bit) {
        reversed ^= bit;
        bit >>= 1;
      }
      reversed |= bit;
    }
    for (let span = 1; span < half; span *= 2) {
      const stride = half / span; // in steps of the full-size table
      for (let start = 0; start < half; start += 2 * span) {
        for (let k = 0; k < span; k++) {
          const a = start + k;
          const b = a + span;
          const c = cos[k * stride];
          const s = sin[k * stride];
          const x = re[b] * c - im[b] * s;
          const y = re[b] * s + im[b] * c;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
    // Take the spectra of the even and the odd samples apart again, and join them to that of all samples.
    for (let k = 0; k < half; k++) {
      const mirror = (half - k) % half;
      const evenRe = (re[k] + re[mirror]) / 2;
      const evenIm = (im[k] - im[mirror]) / 2;
      const oddRe = (im[k] + im[mirror]) / 2;
      const oddIm = (re[mirror] - re[k]) / 2;
      const x = evenRe + oddRe * cos[k] - oddIm * sin[k];
      const y = evenIm + oddRe * sin[k] + oddIm * cos[k];
      power[k] = (x * x + y * y) / gain + 1e-14;
    }
  }

  function surroundings(power, bin, { near, far }) {
    const values = [];
    for (let distance = near; distance <= far; distance++) values.push(power[bin - distance], power[bin + distance]);
    values.sort((a, b) => a - b);
    return (values[values.length / 2 - 1] + values[values.length / 2]) / 2;
  }

  function heardInWindow(input, plan, candidates) {
    powerSpectrum(input, plan);
    const { power, flank } = plan;
    const found = [];
    for (const index of candidates) {
      const tops = plan.bins[index].map((bin) => Math.max(power[bin - 1], power[bin], power[bin + 1]));
      const level = decibels(tops[0] + tops[1]);
      if (level < HEARD_DBFS || Math.abs(decibels(tops[0] / tops[1])) > MAX_DIFFERENCE) continue;
      const isPeak = plan.bins[index].every((bin, i) => tops[i] > power[bin - flank] && tops[i] > power[bin + flank]);
      if (!isPeak) continue;
      const rises = plan.bins[index].map((bin, i) => decibels(tops[i] / surroundings(power, bin, plan)));
      if (Math.min(...rises) >= MIN_RISE && rises[0] + rises[1] >= MIN_RISE_SUM) found.push([index, level]);
    }
    const loudest = Math.max(...found.map(([, level]) => level));
    return found.filter(([, level]) => level >= loudest - MAX_BELOW_LOUDEST);
  }

  /**
   * Who is heard in one channel of PCM (Float32Array from -1 to 1, or Int16Array), 200 ms or more: {index: dBFS}.
   * More than 200 ms is looked at in windows every 100 ms; who is heard in any of them counts, at the highest level.
   */
  function detectTones(samples, rate = RATE, candidates = ALL_TONES) {
    const plan = planFor(rate);
    candidates = [...new Set(candidates)];
    candidates.forEach(chord);
    const last = samples.length - plan.size;
    if (last < 0) throw new RangeError(`expected at least ${plan.size} samples (${WINDOW} s), got ${samples.length}`);
    const scale = samples instanceof Int16Array ? 1 / 32768 : 1;
    const heard = {};
    const starts = new Set([last]);
    for (let start = 0; start <= last; start += Math.floor(plan.size / 2)) starts.add(start);
    for (const start of starts) {
      const input = (i) => samples[start + i] * scale * plan.window[i];
      for (const [index, level] of heardInWindow(input, plan, candidates)) {
        heard[index] = Math.max(level, heard[index] ?? level);
      }
    }
    return heard;
  }

  let sharedContext = null;

  async function runningContext(context) {
    // resume() stays pending for ever where a page may not play sound, so it is not waited for alone.
    const deadline = Date.now() + 2000;
    if (context.state !== 'running') context.resume();
    while (context.state !== 'running') {
      if (Date.now() > deadline) {
        throw new Error(
          `the page's AudioContext is ${context.state}: it needs a user gesture,` +
            ' or Chromium started with --autoplay-policy=no-user-gesture-required',
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /**
   * Listen to a stream until close().
   *
   * ready: a promise, rejected when the browser does not let the page listen.
   * heard(): {index: dBFS} of the last 200 ms, computed at most every 50 ms.
   */
  function listen(mediaStream, { candidates = ALL_TONES } = {}) {
    const tracks = mediaStream.getAudioTracks();
    if (tracks.length === 0) throw new Error('the stream has no audio track');
    sharedContext ??= new AudioContext({ sampleRate: RATE });
    const context = sharedContext;
    const stream = new MediaStream(tracks);
    // Chromium feeds remote streams to Web Audio only while a media element plays them too.
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    const source = context.createMediaStreamSource(stream);
    const analyser = context.createAnalyser();
    analyser.fftSize = 16384; // 341 ms
    const mute = context.createGain();
    mute.gain.value = 0;
    // Only what leads to the speakers is sure to be processed.
    source.connect(analyser).connect(mute).connect(context.destination);

    // Not waited for: it stays pending while nothing is sent, and hearing nothing is an answer.
    let closed = false;
    let failure = null;
    element.play().catch((error) => {
      if (!closed) failure = error;
    });

    const buffer = new Float32Array(analyser.fftSize);
    const size = planFor(context.sampleRate).size;
    let heardAt = -Infinity;
    let lastHeard = {};
    return {
      ready: runningContext(context),
      heard() {
        if (failure) throw failure;
        if (context.currentTime - heardAt >= 0.05) {
          heardAt = context.currentTime;
          analyser.getFloatTimeDomainData(buffer);
          lastHeard = detectTones(buffer.subarray(buffer.length - size), context.sampleRate, candidates);
        }
        return { ...lastHeard };
      },
      /** The last 341 ms of sound; `until` is their end in the context's seconds, `now` in performance.now() ms. */
      latest() {
        if (failure) throw failure;
        analyser.getFloatTimeDomainData(buffer);
        return { samples: buffer, rate: context.sampleRate, until: context.currentTime, now: performance.now() };
      },
      close() {
        closed = true;
        element.pause();
        element.srcObject = null;
        source.disconnect();
        analyser.disconnect();
        mute.disconnect();
      },
    };
  }

  const ONSET_LEVEL = 0.02; // of full scale; a beep has 0.1
  const ONSET_QUIET = 0.25; // seconds without sound before a beep

  /**
   * How well sound and picture fit together: a stream's `beep` and its card's `flash`, watched for `ms` milliseconds.
   *
   * flashes, beeps: when each began, in performance.now() milliseconds; offsets: for each flash how much later its beep
   * was heard (negative: earlier), if one was within half a second; offset: the median of those, null without any.
   */
  async function watchSync(video, { ms = 4000 } = {}) {
    const stream = video.srcObject;
    const sound = listen(new MediaStream(stream.getAudioTracks()));
    await sound.ready;
    const seen = [];
    const heard = [];
    let wasBright = true; // a flash under way at first has begun before
    let pending;
    const look = (now, metadata) => {
      const bright = flashes(video);
      if (bright && !wasBright) seen.push(metadata.expectedDisplayTime ?? now);
      wasBright = bright;
      pending = video.requestVideoFrameCallback(look);
    };
    pending = video.requestVideoFrameCallback(look);
    let quietSince = null; // in the audio context's seconds
    let heardUntil = null;
    const end = performance.now() + ms;
    try {
      while (performance.now() < end) {
        const { samples, rate, until, now } = sound.latest();
        const length = heardUntil === null ? samples.length : Math.min(samples.length, Math.round((until - heardUntil) * rate));
        quietSince ??= until;
        for (let i = samples.length - length; i < samples.length; i++) {
          if (Math.abs(samples[i]) < ONSET_LEVEL) continue;
          const at = until - (samples.length - i) / rate;
          if (at - quietSince > ONSET_QUIET) heard.push(now - (until - at) * 1000);
          quietSince = at;
        }
        heardUntil = until;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      video.cancelVideoFrameCallback(pending);
      sound.close();
    }
    const offsets = [];
    for (const flash of seen) {
      const nearest = heard.reduce((best, beep) => (Math.abs(beep - flash) < Math.abs(best - flash) ? beep : best), Infinity);
      if (Math.abs(nearest - flash) < 500) offsets.push(nearest - flash);
    }
    const sorted = [...offsets].sort((a, b) => a - b);
    return { flashes: seen, beeps: heard, offsets, offset: sorted.length ? sorted[sorted.length >> 1] : null };
  }

  /** Who is heard in a stream during `ms` milliseconds: {index: dBFS}, the highest level of each. */
  async function tonesIn(mediaStream, { ms = 1000, candidates = ALL_TONES } = {}) {
    const listener = listen(mediaStream, { candidates });
    try {
      await listener.ready;
      const heard = {};
      const end = Date.now() + ms;
      do {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(100, end - Date.now()))));
        for (const [index, level] of Object.entries(listener.heard())) {
          heard[index] = Math.max(level, heard[index] ?? level);
        }
      } while (Date.now() < end);
      return heard;
    } finally {
      listener.close();
    }
  }

  const RoomsProbe = { drawCard, readCard, watchCard, flashes, watchSync, readLuma, tonesIn, listen, detectTones, chord };
  if (typeof module === 'object' && module.exports) module.exports = RoomsProbe;
  else root.RoomsProbe = RoomsProbe;
})(typeof self === 'undefined' ? this : self);
