// A small application of the vendor's SDK. A person uses the form; a test uses the methods of window.app,
// whose arguments and results are plain JSON.

import { EventLog } from "./event_log.js";
import { normalised, openAudio, openVideo } from "./sources.js";
import { Tiles, nameOf } from "./tiles.js";

const LOG_LINES = 300;
const LOG_EVERY_MS = 100; // new lines are a new layout of the page: those of a burst of events come together

// Every event of the SDK, and which of its arguments is the (unserialisable, always last) state.
const EVENTS = {
  state_changed: 0, connected: 0, disconnected: 1,
  participant_joined: 1, participant_leaving: 2, participant_left: 1,
  stream_published: 2, stream_unpublished: 2,
  track_enabled: 3, track_disabled: 3, track_censored: 3, track_uncensored: 3, audio_activity: 2,
  subscription_started: 2, subscription_reconfigured: 2, subscription_ended: 2,
  message_received: 3, network_metrics_report: 1,
};

export class App {
  constructor() {
    this.rooms = 0;
    this.room = undefined;
    this.roomId = "";
    this.tracks = new Map(); // stream key -> {audio, video, simulcast} of ours
    this.tiles = new Tiles(document.querySelector("#stage"), document.querySelector("#mixed"));
    this.log = new EventLog((event) => this.show(event));
    this.unshown = []; // events for which there is no line yet, oldest first
    this.bindForm();
    this.setStatus("ready");
  }

  get events() {
    return this.log.entries;
  }

  /** A new Room, and with it a new participant; replaces a room that ended. Returns the participant's id. */
  async initialize({ roomId, clientToken, context, enableMessages = false, logLevel = "WARN" }) {
    const room = await window.TelnyxVideo.initialize({ roomId, clientToken, context, enableMessages, logLevel });
    const number = ++this.rooms;
    this.room = room;
    this.roomId = roomId;
    this.tracks.clear();
    for (const [name, count] of Object.entries(EVENTS)) {
      room.on(name, (...args) => this.onEvent(number, name, args.slice(0, count), args[count]));
    }
    this.setStatus("initialized");
    return room.getLocalParticipant().id;
  }

  onEvent(number, name, args, state) {
    if (state && number === this.rooms) {
      this.tiles.render(state);
      this.setStatus(state.status);
    }
    if (name === "audio_activity") this.tiles.speaking(args[0]);
    // The state is told by state(); in the log its status is enough.
    this.log.append(number, name, name === "state_changed" ? [state.status] : args.map((arg) => arg ?? null));
  }

  waitFor(name, predicate, timeoutMs, since) {
    return this.log.waitFor(name, predicate, timeoutMs, since);
  }

  connect() {
    return this.current().connect();
  }

  disconnect() {
    return this.current().disconnect();
  }

  updateClientToken(clientToken) {
    return this.current().updateClientToken(clientToken);
  }

  /** sources: {audio, video}, each a source of sources.js; video may ask for {simulcast: true}. */
  async addStream(key, sources = {}) {
    const tracks = await openTracks(sources);
    this.tracks.set(key, tracks);
    await this.current().addStream(key, forSdk(tracks));
  }

  /** A kind that is not named keeps its track; false takes it away (the SDK's camera or microphone off). */
  async updateStream(key, sources) {
    const before = this.tracks.get(key);
    if (!before) throw new Error(`no stream ${key} of ours: add it first`);
    const tracks = { ...before, ...(await openTracks(sources)) };
    this.tracks.set(key, tracks);
    await this.current().updateStream(key, forSdk(tracks));
    stopTracks(before, tracks);
  }

  async removeStream(key) {
    await this.current().removeStream(key);
    stopTracks(this.tracks.get(key));
    this.tracks.delete(key);
  }

  addSubscription(participantId, key, { audio = true, video = true } = {}) {
    return this.current().addSubscription(participantId, key, { audio, video });
  }

  updateSubscription(participantId, key, { audio = true, video = true } = {}) {
    return this.current().updateSubscription(participantId, key, { audio, video });
  }

  removeSubscription(participantId, key) {
    return this.current().removeSubscription(participantId, key);
  }

  sendMessage(message, recipients) {
    return this.current().sendMessage(message, recipients);
  }

  enableNetworkMetricsReport(participantIds) {
    return this.current().enableNetworkMetricsReport(participantIds);
  }

  disableNetworkMetricsReport(participantIds) {
    return this.current().disableNetworkMetricsReport(participantIds);
  }

  /** The RTP and transport reports of a stream's connection, those of getStats(), unchanged. */
  async stats(participantId, key) {
    const { senders, receivers } = await this.current().getWebRTCStatsForStream(participantId, key);
    const wanted = /^(inbound-rtp|outbound-rtp|remote-inbound-rtp|candidate-pair|transport|codec)$/;
    const reports = {};
    for (const byId of [senders.audio, senders.video, receivers.audio, receivers.video]) {
      for (const report of Object.values(byId ?? {})) {
        if (wanted.test(report.type)) reports[report.id] = report;
      }
    }
    return Object.values(reports);
  }

  /** The SDK's state as plain JSON; undefined values are left out. */
  state() {
    const state = this.current().getState();
    return {
      status: state.status,
      localParticipantId: state.localParticipantId,
      participants: [...state.participants.values()].map((participant) => ({
        ...participant, name: nameOf(participant),
      })),
      streams: [...state.streams.values()].map((stream) => ({
        ...stream, audioTrack: plain(stream.audioTrack), videoTrack: plain(stream.videoTrack),
      })),
      subscriptions: [...state.subscriptions.values()].flatMap((byKey) => [...byKey.values()]),
      mixedAudioTrack: plain(state.mixedAudioTrack),
    };
  }

  current() {
    if (!this.room) throw new Error("no room: call initialize() first");
    return this.room;
  }

  setStatus(status) {
    const output = document.querySelector("#status");
    if (output.dataset.status === status) return;
    output.textContent = status;
    output.dataset.status = status;
  }

  show(event) {
    if (event.name === "state_changed") return;
    if (this.unshown.push(event) === 1) setTimeout(() => this.showLines(), LOG_EVERY_MS);
    if (this.unshown.length > LOG_LINES) this.unshown.shift();
  }

  showLines() {
    const log = document.querySelector("#log");
    log.prepend(...this.unshown.splice(0).reverse().map((event) => this.line(event)));
    while (log.childElementCount > LOG_LINES) log.lastElementChild.remove();
  }

  line({ t, name, args }) {
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = new Date(t).toISOString().slice(11, 23);
    const text = document.createElement("span");
    text.className = "args";
    text.textContent = args.map((arg) => this.readable(arg)).join(" ");
    line.append(time, `${name} `, text);
    return line;
  }

  /** For people: names instead of participant ids. */
  readable(arg) {
    if (typeof arg !== "string") return JSON.stringify(arg);
    const participant = this.room?.getState().participants.get(arg);
    return participant ? nameOf(participant) : arg;
  }

  bindForm() {
    const form = document.querySelector("#join");
    form.addEventListener("submit", async (submit) => {
      submit.preventDefault();
      const { room, token, name } = Object.fromEntries(new FormData(form));
      const context = JSON.stringify({ username: name });
      try {
        await this.initialize({ roomId: room, clientToken: token, context });
        this.subscribeToEverything();
        await this.connect();
        await this.addStream("self", { video: { source: "canvas", label: name }, audio: "microphone" });
      } catch (error) {
        console.error(`[app] joining failed: ${error.message}`);
        this.setStatus("failed");
      }
    });
    document.querySelector("#leave").addEventListener("click", () => this.room?.disconnect());
  }

  /** What a person expects of a conference: see everyone. Tests subscribe by themselves. */
  subscribeToEverything() {
    const room = this.current();
    const subscribe = ({ participantId, key, origin }) => {
      // The reason goes to the page's console; the conference goes on without this one.
      if (origin === "remote") room.addSubscription(participantId, key, { audio: false, video: true }).catch(console.error);
    };
    room.on("connected", (state) => state.streams.forEach(subscribe));
    room.on("stream_published", (participantId, key) => {
      const stream = room.getParticipantStream(participantId, key);
      if (stream) subscribe(stream);
    });
  }
}

const openTracks = async (sources) => {
  const tracks = {};
  if ("audio" in sources) tracks.audio = await openAudio(sources.audio);
  if ("video" in sources) {
    tracks.video = await openVideo(sources.video);
    tracks.simulcast = Boolean(normalised(sources.video)?.simulcast);
  }
  return tracks;
};

const forSdk = ({ audio, video, simulcast }) => ({
  audio,
  video: simulcast ? { track: video, options: { enableSimulcast: true } } : video,
});

const stopTracks = (tracks, except = {}) => {
  if (tracks?.audio !== except.audio) tracks?.audio?.stop();
  if (tracks?.video !== except.video) tracks?.video?.stop();
};

const plain = (track) => track && {
  id: track.id, kind: track.kind, label: track.label,
  enabled: track.enabled, muted: track.muted, readyState: track.readyState,
};
