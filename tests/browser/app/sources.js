// Where a track comes from. A source is given as true (the default one), its name, or {source: name, ...options}.

let audioContext;

/** A canvas's track that sends a frame when told to: Chromium's track can be told, Firefox's stream. */
const captured = (canvas) => {
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  const told = track.requestFrame ? track : stream;
  return { track, requestFrame: () => told.requestFrame() };
};

const VIDEO = {
  /** A textured, moving picture: compresses like a camera, unlike a plain colour. */
  canvas({ width = 640, height = 360, fps = 15, label = "" }) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const texture = noise(width, height);
    const { track, requestFrame } = captured(canvas);
    let frame = 0;
    const paint = () => {
      context.putImageData(texture, 0, 0);
      context.fillStyle = `hsl(${frame * 3}, 70%, 45%)`;
      context.fillRect((frame * 5) % width, 0, width / 8, height);
      context.fillStyle = "#fff";
      context.font = `600 ${height / 9}px sans-serif`;
      context.fillText(`${label} ${frame++}`, width / 20, height / 2);
      requestFrame();
    };
    paint();
    // A timer, not an animation frame: it goes on when the tab is hidden.
    const timer = setInterval(() => (track.readyState === "live" ? paint() : clearInterval(timer)), 1000 / fps);
    return track;
  },

  /** A test card over the moving picture: it says whose it is, which stream and which frame. */
  card({ participantId, key = "self", width = 320, height = 180, fps = 15 }) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const { track, requestFrame } = captured(canvas);
    let frame = 0;
    const paint = () => {
      context.fillStyle = `hsl(${frame * 3}, 70%, 45%)`;
      context.fillRect(0, 0, width, height);
      context.fillStyle = "#fff";
      context.fillRect((frame * 5) % width, 0, width / 8, height / 3);
      window.RoomsProbe.drawCard(canvas, { participantId, key, frame: frame++ });
      requestFrame();
    };
    paint();
    const timer = setInterval(() => (track.readyState === "live" ? paint() : clearInterval(timer)), 1000 / fps);
    return track;
  },

  async camera({ width = 640, height = 360, fps = 15 }) {
    const video = { width, height, frameRate: fps };
    return (await navigator.mediaDevices.getUserMedia({ video })).getVideoTracks()[0];
  },
};

const AUDIO = {
  /** One frequency in Hz, or the chord by which probes recognise an index. */
  tone({ frequency = 440, index, gain = 0.25 }) {
    audioContext ??= new AudioContext();
    const output = audioContext.createMediaStreamDestination();
    const frequencies = index === undefined ? [frequency] : window.RoomsProbe.chord(index);
    for (const each of frequencies) {
      const oscillator = new OscillatorNode(audioContext, { frequency: each });
      oscillator.connect(new GainNode(audioContext, { gain: gain / frequencies.length })).connect(output);
      oscillator.start();
    }
    return output.stream.getAudioTracks()[0];
  },

  async microphone() {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks()[0];
  },
};

const noise = (width, height) => {
  const image = new ImageData(width, height);
  let state = 1;
  for (let i = 0; i < image.data.length; i += 4) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    image.data.fill(64 + ((state >>> 16) % 96), i, i + 3);
    image.data[i + 3] = 255;
  }
  return image;
};

/** The options of a source, with its name in `source`; undefined when there is to be none. */
export const normalised = (spec, fallback) => {
  if (!spec) return undefined;
  if (spec === true) return { source: fallback };
  return typeof spec === "string" ? { source: spec } : { source: fallback, ...spec };
};

const open = (sources, options) => {
  const source = sources[options.source];
  if (!source) throw new Error(`no source ${options.source}: there are ${Object.keys(sources).join(", ")}`);
  return source(options);
};

export const openVideo = async (spec) => {
  const options = normalised(spec, "canvas");
  return options && open(VIDEO, options);
};

export const openAudio = async (spec) => {
  const options = normalised(spec, "tone");
  return options && open(AUDIO, options);
};
