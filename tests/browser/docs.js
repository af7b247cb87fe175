// Swagger UI at /docs, as a person meets it in Chromium.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [executablePath, screenshots] = process.argv.slice(2);
const url = process.env.MESSENGER_URL;
assert(executablePath && screenshots && url, "usage: MESSENGER_URL=… node docs.js CHROMIUM SCREENSHOTS");
const run = Date.now().toString(36);
const password = "correct horse";

async function ask(path, body) {
  const request = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url + path, request);
  return { status: answer.status, body: await answer.json() };
}

const account = (name) => ({ username: `${name}_${run}`, email: `${name}_${run}@example.org`, password });

const { body: document } = await ask("/openapi.json");
const ada = await ask("/v1/auth/register", account("ada"));
assert.equal(ada.status, 201);

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  page.setDefaultTimeout(20_000);
  const troubles = [];
  const outside = [];
  page.on("console", (line) => line.type() === "error" && troubles.push(line.text()));
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("requestfailed", (request) => troubles.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (answer) => answer.status() >= 400 && troubles.push(`${answer.url()}: ${answer.status()}`));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== "data:" && origin !== url) outside.push(request.url());
  });
  const operation = (id) => page.locator(`.opblock[id$="-${id}"]`);

  // Every operation is there, and opens.
  const answer = await page.goto(`${url}/docs`);
  assert.match(answer.headers()["content-security-policy"], /^default-src 'none'; script-src 'self';/);
  await page.locator(".opblock").first().waitFor();
  await page.screenshot({ path: `${screenshots}/docs.png` });
  const expected = Object.values(document.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
  assert(expected.length > 30, `only ${expected.length} operations`);
  assert.equal(await page.locator(".opblock").count(), expected.length);
  await page.locator(".opblock-summary-control").evaluateAll((summaries) => summaries.forEach((one) => one.click()));
  for (const id of expected) await operation(id).locator(".responses-inner").waitFor();
  assert.equal(await page.getByText("Could not render").count(), 0);
  assert.equal(await page.locator(".errors-wrapper").count(), 0);

  await page.reload(); // all those open ones are slow

  // Executes what the operation's form says, and reads the answer off the page.
  async function tryOut(id, body) {
    const block = operation(id);
    await block.locator(".opblock-summary-control").click();
    if (body) {
      // The example that stands there is as good as a body of one's own.
      const form = block.locator("textarea.body-param__text");
      await form.fill(JSON.stringify({ ...JSON.parse(await form.inputValue()), ...body }));
    }
    await block.locator("button.execute").click();
    const live = block.locator(".live-responses-table .response").first();
    await live.waitFor();
    const status = await live.locator(".response-col_status").innerText();
    const text = await live.locator(".highlight-code code, .highlight-code pre").first().innerText();
    return { status: parseInt(status, 10), body: JSON.parse(text) };
  }

  // Authorize works: the answer is about whom the token belongs to.
  await page.locator(".auth-wrapper .btn.authorize").click();
  const dialog = page.locator(".dialog-ux .modal-ux");
  await dialog.locator("input").fill(ada.body.tokens.access_token);
  await dialog.locator("button.authorize").click();
  await dialog.getByRole("button", { name: "Close" }).click();
  const me = await tryOut("get_me");
  assert.equal(me.status, 200);
  assert.equal(me.body.username, ada.body.user.username);

  // Try it out registers a user, who can log in.
  const bob = account("bob");
  const registered = await tryOut("register_user", bob);
  assert.equal(registered.status, 201);
  assert.equal(registered.body.user.username, bob.username);
  await operation("register_user").scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${screenshots}/registered.png` });
  const login = await ask("/v1/auth/login", { login: bob.username, password });
  assert.equal(login.status, 200);
  assert.equal(login.body.user.id, registered.body.user.id);

  assert.deepEqual(outside, [], "requests left the server");
  assert.deepEqual(troubles, [], "the browser complained");
  console.log(`Swagger UI shows ${expected.length} operations and registered ${bob.username}.`);
} finally {
  await browser.close();
}
