import { createHmac } from "node:crypto";
import { PROVIDERS as NAMES, type Provider } from "@wrenn/protocol/rest/channels";
import { describe, expect, it } from "vitest";
import type { Event } from "../events/event.ts";
import { PROVIDERS } from "./providers.ts";

const event: Event = {
  event: "capsule.running",
  timestamp: "2026-01-02T03:04:05Z",
  team_id: "team-0000000000000000000000001",
  actor: { type: "user", id: "usr-0000000000000000000000002", name: "<Ann> @everyone" },
  resource: { id: "cl-0000000000000000000000003", type: "sandbox" },
};
const TEXT = `A capsule is running
Event: capsule.running
Resource: sandbox cl-0000000000000000000000003
Actor: <Ann> @everyone, usr-0000000000000000000000002
Team: team-0000000000000000000000001
Time: 2026-01-02T03:04:05Z`;
const ID = "5f3b1c1e-8d2a-4c57-9d0e-1f6f0a7c2b11";
const URL = "https://hooks.example.com/services/T0/B0/x";

function requestOf(provider: Provider, config: Record<string, string>) {
  const how = PROVIDERS[provider];
  const { body, ...rest } = how.request(how.check(config), { id: ID, event });
  return { ...rest, json: JSON.parse(body) as unknown, body };
}

describe("providers", () => {
  it("get the text where they want it", () => {
    const webhook_url = URL;
    expect(requestOf("discord", { webhook_url })).toMatchObject({
      url: URL,
      method: "POST",
      json: { content: TEXT, allowed_mentions: { parse: [] } },
    });
    const escaped = TEXT.replace("<Ann>", "&lt;Ann&gt;");
    expect(requestOf("slack", { webhook_url })).toMatchObject({ url: URL, json: { text: escaped } });
    expect(requestOf("googlechat", { webhook_url })).toMatchObject({ url: URL, json: { text: TEXT } });
    const card = { body: TEXT.split("\n").map((text) => ({ type: "TextBlock", text })) };
    expect(requestOf("teams", { webhook_url }).json).toMatchObject({
      type: "message",
      attachments: [{ content: card }],
    });
    expect(requestOf("telegram", { bot_token: "123:Ab-_", chat_id: "-100" })).toMatchObject({
      url: "https://api.telegram.org/bot123:Ab-_/sendMessage",
      json: { chat_id: "-100", text: TEXT },
    });
    const matrix = { homeserver_url: "https://m.example.com/", access_token: "syt_x", room_id: "!a/b:m.example.com" };
    expect(requestOf("matrix", matrix)).toMatchObject({
      method: "PUT",
      url: `https://m.example.com/_matrix/client/v3/rooms/!a%2Fb%3Am.example.com/send/m.room.message/${ID}`,
      headers: { authorization: "Bearer syt_x" },
      json: { msgtype: "m.notice", body: TEXT },
    });
  });

  it("sign what webhooks get", () => {
    const secret = "a secret of the user";
    const { headers, body, json } = requestOf("webhook", { url: URL, secret });
    expect(json).toEqual(event);
    const signed = `${headers["x-wrenn-timestamp"]}.${body}`;
    expect(headers).toMatchObject({
      "x-wrenn-delivery": ID,
      "x-wrenn-signature": `sha256=${createHmac("sha256", secret).update(signed).digest("hex")}`,
    });
  });

  it("make up a secret for a webhook without one, another each time", () => {
    const [one, two] = [PROVIDERS.webhook.check({ url: URL }), PROVIDERS.webhook.check({ url: URL })];
    expect(one["secret"]).toMatch(/^[0-9a-f]{64}$/);
    expect(one["secret"]).not.toBe(two["secret"]);
  });

  it.each(NAMES)("%s says what its configuration lacks", (name) => {
    expect(() => PROVIDERS[name].check({})).toThrow(/^config\.\w+: is missing/);
  });

  it("refuse what cannot be right, and do not repeat it", () => {
    const wrong: [Provider, Record<string, string>][] = [
      ["slack", { webhook_url: "file:///s3cret" }],
      ["webhook", { url: URL, secret: "s3cret" }],
      ["telegram", { bot_token: "1:../../s3cret", chat_id: "1" }],
      ["matrix", { homeserver_url: URL, access_token: "s3cret\r\nx: y", room_id: "!a" }],
    ];
    for (const [name, config] of wrong) {
      expect(() => PROVIDERS[name].check(config)).toThrow(expect.objectContaining({ code: "invalid_request" }));
      expect(() => PROVIDERS[name].check(config)).not.toThrow(/s3cret/);
    }
  });
});
