// Two users meet and talk, through types made by openapi-typescript.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./messenger.js";

type SignedIn = components["schemas"]["SignedIn"];

const baseUrl = process.env["MESSENGER_URL"] ?? assert.fail("MESSENGER_URL is not set");
const run = Date.now().toString(36);
const anyone = createClient<paths>({ baseUrl });

function as({ tokens }: SignedIn) {
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${tokens.access_token}` } });
}

async function register(name: string): Promise<SignedIn> {
  const username = `${name}_ts_${run}`;
  const { data, error, response } = await anyone.POST("/v1/auth/register", {
    body: { username, email: `${username}@example.org`, password: "correct horse" },
  });
  assert.equal(response.status, 201, error?.detail);
  assert(data);
  assert.equal(data.user.username, username);
  assert.equal(data.user.avatar_url, null);
  return data;
}

const [adaSignedIn, bobSignedIn] = [await register("ada"), await register("bob")];
const [ada, bob] = [as(adaSignedIn), as(bobSignedIn)];
const [adaId, bobId] = [adaSignedIn.user.id, bobSignedIn.user.id];

// An error tells what was refused.
const refused = await anyone.POST("/v1/auth/register", {
  body: { username: adaSignedIn.user.username, email: "no address", password: "correct horse" },
});
assert.equal(refused.response.status, 422);
assert.match(refused.response.headers.get("content-type") ?? "", /^application\/problem\+json/);
assert.equal(refused.error?.code, "invalid_value");
assert.deepEqual(refused.error?.errors.map((one) => one.field), ["email"]);

const strangers = await ada.POST("/v1/conversations", { body: { kind: "direct", user_id: bobId } });
assert.equal(strangers.error?.code, "not_friends");
assert.deepEqual(strangers.error?.user_ids, [bobId]);

// Friends.
const asked = await ada.POST("/v1/friend-requests", { body: { username: bobSignedIn.user.username } });
assert.equal(asked.response.status, 201);
assert(asked.data && "addressee" in asked.data);
assert.equal(asked.data.addressee.id, bobId);
const requests = await bob.GET("/v1/friend-requests", { params: { query: { direction: "incoming" } } });
assert.deepEqual(requests.data?.items.map((one) => one.requester.id), [adaId]);
const accepted = await bob.POST("/v1/friend-requests/{user_id}/accept", { params: { path: { user_id: adaId } } });
assert.equal(accepted.data?.user.id, adaId);

// A conversation.
const opened = await ada.POST("/v1/conversations", { body: { kind: "direct", user_id: bobId } });
assert.equal(opened.response.status, 201);
assert(opened.data);
assert.equal(opened.data.peer?.id, bobId);
assert.equal(opened.data.last_message, null);
const path = { conversation_id: opened.data.id };

// A send that is repeated is the same send.
const hello = { body: "Hello, Bob! 👋", client_id: "hello-1" };
const sent = await ada.POST("/v1/conversations/{conversation_id}/messages", { params: { path }, body: hello });
assert.equal(sent.response.status, 201);
const repeated = await ada.POST("/v1/conversations/{conversation_id}/messages", { params: { path }, body: hello });
assert.equal(repeated.response.status, 200);
assert(sent.data);
assert.deepEqual(repeated.data, sent.data);
const reused = await ada.POST("/v1/conversations/{conversation_id}/messages", {
  params: { path },
  body: { ...hello, body: "Something else" },
});
assert.equal(reused.response.status, 409);
assert.equal(reused.error?.code, "client_id_reused");

// Unread, answered, read.
const unread = await bob.GET("/v1/conversations/{conversation_id}", { params: { path } });
assert.equal(unread.data?.unread_count, 1);
assert.equal(unread.data?.last_message?.body, hello.body);
const answer = await bob.POST("/v1/conversations/{conversation_id}/messages", {
  params: { path },
  body: { body: "Hello, Ada!", reply_to: sent.data.id },
});
assert.equal(answer.data?.reply_to, sent.data.id);
const read = await bob.PUT("/v1/conversations/{conversation_id}/read", { params: { path }, body: { seq: 2 } });
assert.deepEqual(read.data, { read_seq: 2, unread_count: 0 });

// The history, the same for both.
for (const reader of [ada, bob]) {
  const history = await reader.GET("/v1/conversations/{conversation_id}/messages", {
    params: { path, query: { limit: 10 } },
  });
  assert.deepEqual(history.data?.items.map((one) => [one.seq, one.body]), [[1, hello.body], [2, "Hello, Ada!"]]);
  assert.equal(history.data?.has_before, false);
}

// The session ends, and its token with it.
const loggedOut = await bob.POST("/v1/auth/logout", { body: {} });
assert.equal(loggedOut.response.status, 204);
const after = await bob.GET("/v1/me");
assert.equal(after.response.status, 401);
assert.equal(after.error?.code, "invalid_token");

console.log("TypeScript: Ada and Bob have talked.");
