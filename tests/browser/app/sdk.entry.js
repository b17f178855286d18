// Everything the SDK exports becomes window.TelnyxVideo. The package itself stays untouched.
export * from "@telnyx/video";
