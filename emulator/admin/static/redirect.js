/*
 * Points the official JavaScript SDK at this emulator.
 *
 * The SDK has its server compiled in (wss://video.telnyx.com/<roomId>/janus). This script replaces
 * window.WebSocket, before the SDK opens its socket, by a stand-in that rewrites that one host and
 * leaves everything else alone: other addresses, subprotocols, constants, instanceof, subclasses.
 *
 * Load it as a classic script, before the application:
 *   <script src="http://127.0.0.1:8900/_emulator/redirect.js">
 * or evaluate its text before any page script (Playwright: add_init_script).
 *
 * Where the sockets go, first hit wins:
 *   1. window.__ROOMS_EMULATOR_WS__, if set to a ws: or wss: address before this script runs
 *   2. the address the emulator wrote into the line marked below while serving this file
 *   3. the origin this script was loaded from
 */
(() => {
  "use strict";

  const REDIRECTED_HOST = "video.telnyx.com";
  const FILLED_IN_BY_SERVER = "__WS_URL__";
  const INSTALLED = Symbol.for("rooms-emulator.redirect");

  const websocketAddress = (text) => {
    try {
      const url = new URL(text);
      return url.protocol === "ws:" || url.protocol === "wss:" ? url : undefined;
    } catch {
      return undefined;
    }
  };

  /** The address of the emulator, or undefined if nothing tells it. A given address that is no ws: URL throws. */
  const findTarget = () => {
    const explicit = window.__ROOMS_EMULATOR_WS__;
    if (explicit !== undefined) {
      const url = websocketAddress(explicit);
      if (!url) throw new TypeError(`window.__ROOMS_EMULATOR_WS__ must be a ws: or wss: address, got ${explicit}`);
      return url;
    }
    // currentScript is null in a module, and for scripts that a driver evaluates.
    const source = document.currentScript?.src;
    const fromSource = source && /^https?:/.test(source) ? new URL(source).origin.replace(/^http/, "ws") : "";
    return websocketAddress(FILLED_IN_BY_SERVER) ?? websocketAddress(fromSource);
  };

  if (window[INSTALLED]) return; // loaded twice, as init script and as tag: the first one has done it

  let target;
  let complaint = "nothing says where the emulator is: load this file with <script src=...> from the emulator, "
    + "or set window.__ROOMS_EMULATOR_WS__ = 'ws://host:port' before it";
  try {
    target = findTarget();
  } catch (error) {
    complaint = error.message;
  }
  if (!target) {
    console.error(`[rooms-emulator] redirect.js: WebSockets are NOT redirected. ${complaint}`);
    return;
  }
  const base = target.href.replace(/\/+$/, "");

  const redirect = (address) => {
    let url;
    try {
      url = new URL(address, document.baseURI);
    } catch {
      return address; // the native constructor reports it
    }
    return url.hostname === REDIRECTED_HOST ? base + url.pathname + url.search : address;
  };

  const NativeWebSocket = window.WebSocket;
  // A proxy, not a subclass: constants, prototype, name and instanceof stay the very same objects.
  const RedirectedWebSocket = new Proxy(NativeWebSocket, {
    construct(native, args, newTarget) {
      const [address, ...rest] = args;
      return Reflect.construct(native, args.length ? [redirect(address), ...rest] : args, newTarget);
    },
  });
  NativeWebSocket.prototype.constructor = RedirectedWebSocket;
  window.WebSocket = RedirectedWebSocket;
  Object.defineProperty(window, INSTALLED, { value: base });
  console.info(`[rooms-emulator] wss://${REDIRECTED_HOST} is redirected to ${base}`);
})();
