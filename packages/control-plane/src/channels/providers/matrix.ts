/** Matrix: a user writes into a room. The server itself drops a message that it has already. */
import { z } from "zod";
import { defineProvider, httpUrl, postJson, word } from "./provider.ts";
import { textOf } from "./text.ts";

export const matrix = defineProvider({
  config: z.object({ homeserver_url: httpUrl, access_token: word, room_id: word }),
  request: ({ homeserver_url, access_token, room_id }, { id, event }) => {
    const room = `${homeserver_url.replace(/\/+$/, "")}/_matrix/client/v3/rooms/${encodeURIComponent(room_id)}`;
    const headers = { authorization: `Bearer ${access_token}` };
    const body = { msgtype: "m.notice", body: textOf(event) };
    return { ...postJson(`${room}/send/m.room.message/${id}`, body, headers), method: "PUT" };
  },
});
