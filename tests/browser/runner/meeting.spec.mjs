// What a user of @playwright/test writes. The module was saved beside this file by the test that runs it.
import { expect, test } from "@playwright/test";
import { Rooms } from "./rooms.mjs";

const SHORT = { within: 600 };

test("the page shows alice and plays her voice", async ({ context }) => {
  const rooms = new Rooms({ tones: { alice: 7 } });
  await context.addInitScript(await rooms.initScript());
  const page = await context.newPage();
  await page.goto(process.env.APP_URL);
  await page.evaluate(() => window.appReady.then(() => undefined));
  const join = { roomId: process.env.ROOM_ID, clientToken: await rooms.token(process.env.ROOM_ID), context: '{"username": "Browser"}' };
  await page.evaluate((config) => window.app.initialize(config), join);
  await page.evaluate(() => window.app.connect());
  await page.evaluate((id) => window.app.addSubscription(id, "self"), process.env.ALICE_ID);

  const tile = rooms.expectTile(page.locator("figure"));
  await tile.toShow("alice");
  await tile.toBeLive();
  await tile.notToBeFrozen({ forMs: 500 });
  await tile.notToShow("Browser", SHORT);
  await rooms.expectAudio(page).toHear("alice");
  await rooms.expectAudio(page).notToHear(9, { forMs: 300 });

  await expect(tile.toShow("Browser", SHORT)).rejects.toThrow(
    /^expected figure to show Browser within 0.6 s\nclosest: it showed alice\/self until /,
  );
  await expect(tile.toBeBlack(SHORT)).rejects.toThrow(/to be black within 0.6 s\nclosest: at /);
  await expect(rooms.expectAudio(page).toHear(9, SHORT)).rejects.toThrow(/closest: alice could be heard/);
  await expect(rooms.expectTile(page.locator("#none")).toBeLive(SHORT)).rejects.toThrow(/there is no such element/);
  await expect(tile.toShow("nobody", { within: 0 })).rejects.toThrow(/nobody called 'nobody' has joined .*; there is Browser, alice/);
});
