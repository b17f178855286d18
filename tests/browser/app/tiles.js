// The grid: one tile per stream in the SDK's state, the own ones included.

/** The name in a participant's context (JSON with a username, as the vendor's sample apps write it), else a short id. */
export const nameOf = (participant) => {
  try {
    const name = JSON.parse(participant.context).username;
    if (name) return String(name);
  } catch {
    // a context is the application's own business: it need not be JSON
  }
  return participant.id.slice(0, 8);
};

export class Tiles {
  constructor(stage, mixedAudio) {
    this.stage = stage;
    this.mixedAudio = mixedAudio;
    this.figures = new Map(); // "<participant id>/<key>" -> figure
  }

  render(state) {
    const seen = new Set();
    for (const stream of state.streams.values()) {
      const participant = state.participants.get(stream.participantId);
      if (!participant) continue;
      const id = `${stream.participantId}/${stream.key}`;
      seen.add(id);
      const figure = this.figures.get(id) ?? this.create(id, stream);
      if (!news(figure, participant, stream)) continue;
      describe(figure, participant, stream);
      play(figure.firstElementChild, [stream.videoTrack, stream.origin === "remote" && stream.audioTrack]);
    }
    for (const [id, figure] of this.figures) {
      if (seen.has(id)) continue;
      figure.querySelector("video").srcObject = null;
      figure.remove();
      this.figures.delete(id);
    }
    play(this.mixedAudio, [state.mixedAudioTrack]);
  }

  create(id, stream) {
    const figure = document.createElement("figure");
    figure.classList.toggle("own", stream.origin === "local");
    figure.innerHTML = '<video autoplay playsinline muted></video>'
      + '<figcaption><span class="name"></span><span class="key"></span><span class="off"></span></figcaption>';
    const video = figure.querySelector("video");
    video.muted = true; // what is heard comes from the mixed audio
    video.dataset.participant = stream.participantId;
    video.dataset.key = stream.key;
    this.figures.set(id, figure);
    this.stage.append(figure);
    return figure;
  }

  speaking(participantId) {
    for (const [id, figure] of this.figures) {
      if (!id.startsWith(`${participantId}/`)) continue;
      figure.classList.add("speaking");
      clearTimeout(figure.quiet);
      figure.quiet = setTimeout(() => figure.classList.remove("speaking"), 1500);
    }
  }
}

/** Whether anything that a tile shows has changed: each event tells the whole state, of all streams. */
const news = (figure, { context }, stream) => {
  const facts = [
    context, stream.isVideoEnabled, stream.isAudioEnabled, stream.isAudioCensored, stream.videoTrack, stream.audioTrack,
  ];
  if (figure.facts?.every((fact, index) => fact === facts[index])) return false;
  figure.facts = facts;
  return true;
};

const describe = (figure, participant, stream) => {
  const own = stream.origin === "local" ? " (you)" : "";
  const [name, key, off] = figure.lastElementChild.children;
  name.textContent = nameOf(participant) + own;
  key.textContent = stream.key;
  off.textContent = [
    !stream.isVideoEnabled && "video off",
    !stream.isAudioEnabled && "audio off",
    stream.isAudioCensored && "muted by moderator",
  ].filter(Boolean).join(", ");
};

/** Plays exactly these tracks; leaves the element alone when it does already. */
const play = (element, wanted) => {
  const tracks = wanted.filter(Boolean);
  const current = element.srcObject?.getTracks() ?? [];
  if (tracks.length === current.length && tracks.every((track) => current.includes(track))) return;
  element.srcObject = tracks.length ? new MediaStream(tracks) : null;
};
