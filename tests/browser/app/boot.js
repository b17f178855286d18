// Loads what the page needs, in the order that matters: the redirect before the SDK, the app last.
// The emulator's origin comes from the address: index.html?emulator=http://127.0.0.1:8900

const query = new URLSearchParams(location.search);
const emulator = (query.get("emulator") ?? "").replace(/\/+$/, "");

const loadScript = (src) => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = src;
  script.onload = resolve;
  script.onerror = () => reject(new Error(`could not load ${src}`));
  document.head.append(script);
});

const boot = async () => {
  if (!/^https?:\/\//.test(emulator)) {
    throw new Error(`open this page with ?emulator=http://host:port (got ${JSON.stringify(emulator)})`);
  }
  await loadScript(`${emulator}/_emulator/redirect.js`);
  await loadScript(`${emulator}/_emulator/probe.js`);
  await loadScript("dist/telnyx-video.js");
  const { App } = await import("./app.js");
  const app = new App();
  for (const name of ["room", "token", "name"]) {
    if (query.has(name)) document.querySelector(`#join [name=${name}]`).value = query.get(name);
  }
  return app;
};

/** Resolves with the app; rejects with the reason the page cannot work. Tests await it. */
window.appReady = boot();
try {
  window.app = await window.appReady;
} catch (error) {
  console.error(`[app] ${error.message}`);
  const status = document.querySelector("#status");
  status.textContent = error.message;
  status.dataset.status = "failed";
}
