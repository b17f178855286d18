// Plays one file and reports what came out. Injected into an empty page; see chromium_player.py for the fields.

const STALL_MS = 2500;
const SEEK_MS = 4000;
const SEEK_TOLERANCE = 0.15;

function opened(element, url) {
  return new Promise((resolve) => {
    element.onloadedmetadata = () => resolve(null);
    element.onerror = () => resolve(describe(element.error));
    element.src = url;
    document.body.append(element);
  });
}

const describe = (error) => error && `${error.code} ${error.message}`.trim();

// Resolves when the element has ended, failed, or has not moved for a while.
function finished(element) {
  return new Promise((resolve) => {
    let last = -1;
    let since = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (element.currentTime !== last) [last, since] = [element.currentTime, now];
      const stalled = now - since > STALL_MS;
      if (!element.error && !element.ended && !stalled) return;
      clearInterval(timer);
      resolve(describe(element.error) ?? (element.ended ? null : "stalled"));
    }, 50);
  });
}

// Luma of the middle of each quadrant, and whether blue is more than red.
function look(video, context) {
  const { videoWidth: wide, videoHeight: high } = video;
  context.canvas.width = wide;
  context.canvas.height = high;
  context.drawImage(video, 0, 0);
  const luma = [];
  let blue = false;
  for (const y of [1, 5]) {
    for (const x of [1, 5]) {
      const [r, g, b] = context.getImageData((wide * x) / 6, (high * y) / 6, 1, 1).data;
      luma.push(Math.round(16 + (0.299 * r + 0.587 * g + 0.114 * b) * (219 / 255)));
      blue = b > r;
    }
  }
  return { luma, blue };
}

// Seeks a paused element; resolves with where it arrived, or null if it did not within the time.
function seek(element, time) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), SEEK_MS);
    element.onseeked = () => {
      clearTimeout(timer);
      resolve(element.currentTime);
    };
    element.currentTime = time;
  });
}

async function playVideo(url, rate, seeks) {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  const pictures = [];
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = (_, frame) => {
    pictures.push({ time: frame.mediaTime, width: frame.width, height: frame.height, ...look(video, context) });
    video.requestVideoFrameCallback(seen);
  };
  video.requestVideoFrameCallback(seen);
  let error = await opened(video, url);
  const duration = String(video.duration);
  const seeked = [];
  if (!error) {
    video.playbackRate = rate;
    await video.play().catch(() => {}); // the element's own error says more
    error = await finished(video);
  }
  const reached = video.currentTime;
  const played = pictures.length;
  if (!error) {
    video.pause();
    for (const time of seeks.filter((time) => time < reached)) {
      const count = pictures.length;
      const arrived = await seek(video, time);
      // A picture from before the seek may still be presented after it; its own comes later, on a busy machine much.
      const there = () => pictures.length > count && Math.abs(pictures.at(-1).time - time) < SEEK_TOLERANCE;
      for (let waited = 0; !there() && waited < SEEK_MS; waited += 50) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      seeked.push(arrived !== null && pictures.length > count ? pictures.at(-1) : null);
    }
    pictures.length = played;
  }
  video.remove();
  return { error, duration, reached, seeked, pictures };
}

async function playAudio(url, rate, seeks) {
  const audio = document.createElement("audio");
  audio.preload = "auto";
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
  context.createMediaElementSource(audio).connect(analyser).connect(context.destination);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const tones = [];
  let error = await opened(audio, url);
  const duration = String(audio.duration);
  const seeked = [];
  if (!error) {
    const timer = setInterval(() => {
      analyser.getFloatFrequencyData(bins);
      const loudest = bins.indexOf(Math.max(...bins));
      tones.push({ time: audio.currentTime, hertz: bins[loudest] > -50 ? (loudest * 48000) / 2048 : 0 });
    }, 20);
    audio.playbackRate = rate;
    await audio.play().catch(() => {}); // the element's own error says more
    error = await finished(audio);
    clearInterval(timer);
  }
  const reached = audio.currentTime;
  if (!error) {
    audio.pause();
    for (const time of seeks.filter((time) => time < reached)) {
      const arrived = await seek(audio, time);
      seeked.push(arrived === null ? null : { time: arrived });
    }
  }
  audio.remove();
  await context.close();
  return { error, duration, reached, seeked, tones };
}
