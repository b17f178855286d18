export default {
  testDir: ".",
  timeout: 60_000,
  reporter: "list",
  workers: 1,
  use: { launchOptions: { executablePath: process.env.ROOMS_CHROMIUM, args: JSON.parse(process.env.ROOMS_ARGUMENTS) } },
};
